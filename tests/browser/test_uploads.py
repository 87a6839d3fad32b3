"""Files on their way in, and a run that grows before the reader's eyes."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import torch
from playwright.sync_api import Page, Route, expect
from safetensors.torch import save_file

from tests.browser.conftest import Watched, copied
from tests.conftest import missing
from tests.service import model

DROP = """([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  for (const type of ['dragenter', 'drop']) {
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}"""


def post(watched: Watched, path: str, body: bytes, kind: str = "application/octet-stream") -> Any:
    with urlopen(Request(watched.base + path, body, {"content-type": kind}, method="POST")) as answer:
        return json.load(answer)


def test_a_file_dropped_anywhere_is_analysed(watched: Watched) -> None:
    page = watched.open("/")
    page.evaluate(DROP, ["dropped.safetensors", base64.b64encode(model()).decode()])
    page.wait_for_url("**/runs/*")
    page.locator("#progress").wait_for(state="detached")
    expect(page.locator("h1")).to_have_text("dropped.safetensors")
    expect(page.locator("#rows tbody tr")).to_have_count(5)


def test_shards_belong_together_and_other_files_do_not(watched: Watched, tmp_path: Path) -> None:
    for name in ("one.safetensors", "two.safetensors"):
        (tmp_path / name).write_bytes(model())
    page = watched.open("/")
    page.locator("#files").set_input_files([tmp_path / "one.safetensors", tmp_path / "two.safetensors"])
    expect(page.locator(".upload a", has_text="Open its report")).to_have_count(2)
    expect(page.locator("#checkpoints th a", has_text="one.safetensors")).to_have_count(1)
    expect(page.locator("#checkpoints th a", has_text="two.safetensors")).to_have_count(1)


def test_a_folder_is_one_checkpoint(watched: Watched, tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(model())
    (folder / "config.json").write_text('{"hidden_size": 24}')
    (folder / "README.md").write_text("not a weight")
    page = watched.open("/")
    with page.expect_file_chooser() as chooser:
        page.locator('[data-choose="folder"]').click()
    chooser.value.set_files(folder)
    page.wait_for_url("**/runs/*")
    expect(page.locator("h1")).to_have_text("my-model")


def test_a_rejected_file_says_why(watched: Watched, tmp_path: Path) -> None:
    pointer = tmp_path / "pointer.safetensors"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    page = watched.open("/")
    page.locator("#files").set_input_files(pointer)
    page.wait_for_url("**/runs/*")
    expect(page.locator("#outcome")).to_contain_text("Failed.")
    expect(page.locator("#outcome")).to_contain_text("git-lfs")
    page = watched.open("/")
    expect(page.locator("tr", has_text="pointer.safetensors").locator(".tag.bad")).to_have_text("Rejected")


def test_rows_appear_as_they_finish_and_the_page_settles(watched: Watched, tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    tensors = {f"layers.{i}.mlp.up_proj.weight": torch.randn(768, 768, generator=random) for i in range(24)}
    save_file(tensors, tmp_path / "grows.safetensors")
    sent = post(
        watched, "/api/v1/checkpoints?filename=grows.safetensors", (tmp_path / "grows.safetensors").read_bytes()
    )
    run = post(watched, "/api/v1/runs", json.dumps({"checkpoints": [sent["id"]]}).encode(), "application/json")
    page = watched.open(f"/runs/{run['id']}")
    page.evaluate("() => { window.mark = 'the same page' }")
    counts: set[int] = set()
    for _ in range(1200):
        counts.add(page.locator("#rows tbody tr").count())
        if page.locator("#progress").count() == 0:
            break
        page.wait_for_timeout(50)
    expect(page.locator("#rows tbody tr")).to_have_count(24)
    assert counts - {0, 24}, counts  # seen while it grew
    assert page.evaluate("window.mark") == "the same page"
    expect(page.locator("#coverage")).to_contain_text("24 of 24 tensors")
    expect(page.get_by_role("button", name="Run again")).to_be_visible()


def test_a_running_run_can_be_cancelled(watched: Watched, tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(1)
    tensors = {f"layers.{i}.mlp.up_proj.weight": torch.randn(1024, 1024, generator=random) for i in range(60)}
    save_file(tensors, tmp_path / "long.safetensors")
    page = watched.open("/")
    page.locator("#files").set_input_files(tmp_path / "long.safetensors")
    page.wait_for_url("**/runs/*")
    page.locator("#rows tbody tr").first.wait_for()
    page.get_by_role("button", name="Cancel run").click()
    expect(page.locator("#outcome")).to_contain_text("Cancelled.")
    expect(page.locator("#rows tbody tr").first).to_be_visible()


def test_hostile_names_do_nothing(watched: Watched, tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(2)
    names = ['"><script>alert(1)</script>', "<img src=x onerror=alert(1)>.weight", "javascript:alert(1)//"]
    save_file({name: torch.randn(24, 24, generator=random) for name in names}, tmp_path / "x.safetensors")
    page = watched.open("/")
    page.on("dialog", lambda dialog: watched.faults.append("an alert"))
    page.locator("#files").set_input_files(tmp_path / "x.safetensors")
    page.wait_for_url("**/runs/*")
    page.locator("#progress").wait_for(state="detached")
    for name in names:
        page.locator(f"#rows tr[data-key={json.dumps(name)}] th").click()
        expect(page.locator("#panel .raw")).to_have_text(name)
        expect(page.locator("#panel .density .main-svg").first).to_be_visible()


def test_deleting_can_be_undone_and_asks_before_it_is_for_good(watched: Watched) -> None:
    sent = post(watched, "/api/v1/checkpoints?filename=gone.safetensors", model(layers=1))
    page = watched.open(f"/checkpoints/{sent['id']}")
    page.get_by_role("button", name="Delete checkpoint").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f"#checkpoint-{sent['id']}")).to_have_count(1)
    page = watched.open(f"/checkpoints/{sent['id']}")
    page.get_by_role("button", name="Delete checkpoint").click()
    expect(page.locator(f"#checkpoint-{sent['id']}")).to_have_count(0)
    page = watched.open(f"/checkpoints/{sent['id']}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("h1")).to_have_text("gone.safetensors")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete for good").click()
    page.wait_for_url(watched.base + "/checkpoints")


def test_a_full_disk_is_said_where_it_happened(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(model())
    problem = {"title": "The disk is full", "detail": "The upload does not fit on the disk.", "status": 507}
    watched.expected = ["507"]
    watched.page.route(
        "**/api/v1/checkpoints?*",
        lambda route: route.fulfill(status=507, content_type="application/problem+json", body=json.dumps(problem)),
    )
    page = watched.open("/")
    page.locator("#files").set_input_files(tmp_path / "a.safetensors")
    expect(page.locator(".upload .callout.bad")).to_have_text("The upload does not fit on the disk.")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".upload")).to_have_count(0)


def test_the_commands_for_ci_do_what_they_say(watched: Watched, tmp_path: Path) -> None:
    for tool in ("bash", "curl", "jq"):
        if shutil.which(tool) is None:
            missing(f"no {tool}")
    (tmp_path / "model.safetensors").write_bytes(model())
    page = watched.open("/api")
    commands = copied(page, "[data-copy]")
    done = subprocess.run(["bash", "-eu", "-c", commands], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "event: end" in done.stdout
    assert len(json.loads((tmp_path / "report.json").read_text())["tables"]["esd"]) == 5


def large(folder: Path) -> Path:
    """A checkpoint of three pieces, in which next to nothing is analysed."""
    path = folder / "large.safetensors"
    random = torch.Generator().manual_seed(3)
    save_file({"a.weight": torch.randn(24, 24, generator=random), "a.bias": torch.zeros(5_000_000)}, path)
    return path


PIECE = 8 << 20


def offsets(page: Page) -> list[int]:
    """Where the pieces begin that the page sends from now on."""
    seen: list[int] = []
    page.on("request", lambda sent: seen.append(int(sent.headers["upload-offset"])) if sent.method == "PATCH" else None)
    return seen


def test_a_lost_connection_and_a_reload_cost_one_piece(watched: Watched, tmp_path: Path) -> None:
    watched.expected = ["ERR_FAILED", "ERR_INTERNET_DISCONNECTED"]
    page = watched.open("/")
    page.route("**/api/v1/uploads/*", lambda route: route.abort() if _later(route) else route.continue_())
    page.locator("#files").set_input_files(large(tmp_path))
    expect(page.locator(".upload")).to_contain_text("the connection is lost, trying again")
    expect(page.locator(".upload")).to_contain_text("8.4 MB of 20.0 MB")
    page = watched.open("/")  # a reload in the middle
    page.unroute("**/api/v1/uploads/*")
    sent = offsets(page)
    page.locator("#files").set_input_files(tmp_path / "large.safetensors")
    page.wait_for_url("**/runs/*")
    assert sent == [PIECE, 2 * PIECE]
    expect(page.locator("h1")).to_have_text("large.safetensors")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('upload '))") == []


def _later(route: Route) -> bool:
    return route.request.method == "PATCH" and route.request.headers["upload-offset"] != "0"


def test_an_upload_can_be_paused_and_stopped(watched: Watched, tmp_path: Path) -> None:
    watched.expected = ["ERR_FAILED", "ERR_INTERNET_DISCONNECTED"]
    page = watched.open("/")
    held: list[Route] = []
    page.route("**/api/v1/uploads/*", lambda route: held.append(route) if _later(route) else route.continue_())
    page.locator("#files").set_input_files(large(tmp_path))
    while not held:
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Pause").click()
    for route in held:
        route.abort()  # else the browser may let a part of it go when the interception ends
    page.unroute("**/api/v1/uploads/*")
    sent = offsets(page)
    page.wait_for_timeout(300)
    assert sent == []
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/runs/*")
    assert sent == [PIECE, 2 * PIECE]
    page = watched.open("/")
    held.clear()
    (tmp_path / "large.safetensors").rename(tmp_path / "other.safetensors")
    page.route("**/api/v1/uploads/*", lambda route: held.append(route) if _later(route) else route.continue_())
    page.locator("#files").set_input_files(tmp_path / "other.safetensors")
    while not held:
        page.wait_for_timeout(20)
    with page.expect_request(lambda asked: asked.method == "DELETE"):
        page.get_by_role("button", name="Stop").click()
    expect(page.locator(".upload .callout")).to_have_text("Stopped. Nothing of it was kept.")
    page.unroute("**/api/v1/uploads/*")
