"""A reader's way through a comparison: a base, a LoRA adapter and a full fine-tune, made here with torch."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from safetensors.torch import save
from torch import Tensor

from tests.app.pages.compared import tensors
from tests.browser.conftest import Watched, copied
from tests.browser.test_report import api

QUERY = "model.layers.1.self_attn.q_proj.weight"
NAMES = ("Base", "LoRA r = 3", "Full")
BOUNDARY = "file-after-file"


@dataclass(frozen=True)
class Compared:
    """A finished comparison, and the best matches of its tuned directions as numpy finds them."""

    path: str
    ids: tuple[int, ...]
    best: dict[tuple[int, str], Any]  # (place in the run, weight) -> of the 24 strongest directions

    def count(self, position: int, k: int, epsilon: float, weight: str = "") -> int:
        wanted = (curve for (of, name), curve in self.best.items() if of == position and weight in ("", name))
        return sum(int((curve[:k] < epsilon).sum()) for curve in wanted)


def lora(base: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """An adapter of rank 3 on the queries, strong in the second block; and the weights that it makes."""
    random = torch.Generator().manual_seed(3)
    factors: dict[str, Tensor] = {}
    merged = dict(base)
    for name in base:
        if "q_proj" in name:
            size = 30.0 if ".1." in name else 4.0
            a = torch.linalg.qr(torch.randn(len(base[name]), 3, generator=random))[0].T * size
            b = torch.linalg.qr(torch.randn(len(base[name]), 3, generator=random))[0]
            stem = "base_model.model." + name.removesuffix(".weight")
            factors |= {f"{stem}.lora_A.weight": a.contiguous(), f"{stem}.lora_B.weight": b.contiguous()}
            merged[name] = base[name] + b @ a
    return factors, merged


def best(base: Tensor, tuned: Tensor) -> Any:
    left, other = (np.linalg.svd(one.double().numpy(), full_matrices=False)[0] for one in (base, tuned))
    return np.abs(left.T @ other[:, :24]).max(axis=0)


def send(base: str, name: str, files: dict[str, bytes]) -> int:
    parts = [f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="name"\r\n\r\n{name}\r\n'.encode()]
    for file, content in files.items():
        head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="files"; filename="{file}"\r\n\r\n'
        parts += [head.encode(), content, b"\r\n"]
    body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    with urlopen(Request(f"{base}/api/v1/checkpoints", body, kind)) as answer:
        return int(json.load(answer)["id"])


@pytest.fixture(scope="module")
def compared(browser: Browser, served: str) -> Compared:
    """Started through the form, as a reader does it; watched until it has ended."""
    made = tensors()
    factors, merged = lora(made["base"])
    config = {"peft_type": "LORA", "r": 3, "lora_alpha": 3, "base_model_name_or_path": "some/Base"}
    adapter = {"adapter_model.safetensors": save(factors), "adapter_config.json": json.dumps(config).encode()}
    ids = (
        send(served, NAMES[0], {"model.safetensors": save(made["base"])}),
        send(served, NAMES[1], adapter),
        send(served, NAMES[2], {"model.safetensors": save(made["soft"])}),
    )
    watched = Watched(browser.new_context(viewport={"width": 1440, "height": 900}).new_page(), served)
    page = watched.open(f"/checkpoints/{ids[1]}")
    expect(page.locator("#adapter")).to_be_visible()
    page.locator("#adapter a").click()
    expect(page.locator('[name="base"]')).to_have_value(str(ids[0]))  # the adapter names it
    page.locator(f'[name="tuned"][value="{ids[2]}"]').check()
    assert page.url.endswith(f"/compare?base={ids[0]}&tuned={ids[1]}%2C{ids[2]}")
    page.reload()
    expect(page.locator(f'[name="tuned"][value="{ids[2]}"]')).to_be_checked()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/runs/*")
    page.locator("#progress").wait_for(state="detached")
    expect(page.locator(".verdict")).to_contain_text("LoRA r = 3 adds")
    path = page.url.removeprefix(served)
    page.context.close()
    assert watched.unexpected() == []
    tuned = {1: {name: merged[name] for name in merged if "q_proj" in name}, 2: made["soft"]}
    found = {(at, name): best(made["base"][name], each[name]) for at, each in tuned.items() for name in each}
    return Compared(path, ids, found)


def move(page: Page, slider: str, value: float) -> None:
    page.locator(f"#{slider}").evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }",
        str(value),
    )


def settled(page: Page) -> None:
    """All figures are drawn, each scrolled to."""
    for place in page.locator("[data-figure]").all():
        place.scroll_into_view_if_needed()
    expect(page.locator(".plot[aria-busy]")).to_have_count(0)
    expect(page.locator(".plot .none:visible")).to_have_count(0)


def trace(page: Page, kind: str, at: int, part: str) -> Any:
    """A part of a drawn figure's trace."""
    return page.evaluate(
        "([kind, at, part]) => [...(document.querySelector(`.plot.${kind}`).data[at][part] ?? [])]", [kind, at, part]
    )


def test_the_page_says_what_the_api_and_numpy_say(watched: Watched, compared: Compared) -> None:
    page = watched.open(compared.path)
    settled(page)
    rows = api(watched, f"/api/v1{compared.path}/tables/intruders")["rows"]
    for row in rows:
        position = row["group"][-1]
        assert row["count"] == compared.count(position, 10, 0.5, row["weight"])
        cell = page.locator(f'#where [data-position="{position}"][data-pick="{row["weight"]}"]')
        expect(cell).to_have_text(str(row["count"]) if row["count"] else "·")
    for position in (1, 2):
        total = page.locator(f'[data-total="{position}"]')
        expect(total).to_have_text(str(compared.count(position, 10, 0.5)))
    assert compared.count(1, 10, 0.5) >= 3
    expect(page.locator("#p-t, #matrix option:checked")).to_have_text("Block 1 · query")
    expect(page.locator("#between")).to_contain_text("LoRA r = 3")


@pytest.mark.parametrize(("k", "epsilon"), [(3, 0.4), (10, 0.8), (24, 0.3)])
def test_k_and_epsilon_move_without_a_run(watched: Watched, compared: Compared, k: int, epsilon: float) -> None:
    page = watched.open(f"{compared.path}?weight={QUERY}&position=1")
    settled(page)
    move(page, "k", k)
    move(page, "epsilon", epsilon)
    many = compared.count(1, k, epsilon, QUERY)
    expect(page.locator("#said")).to_contain_text(f"{many} of the {k} strongest" if many else "No intruder")
    expect(page.locator("#k-o")).to_have_text(str(k))
    expect(page.locator("#epsilon-o")).to_have_text(f"{epsilon:.2f}")
    for position in (1, 2):
        expect(page.locator(f'[data-total="{position}"]')).to_have_text(str(compared.count(position, k, epsilon)))
    for (position, name), curve in compared.best.items():
        text = str(int((curve[:k] < epsilon).sum()) or "·")
        expect(page.locator(f'#where [data-position="{position}"][data-pick="{name}"]')).to_have_text(text)
    assert len(trace(page, "match", 2, "x")) == many  # the marks
    sweep = dict(zip(np.round(trace(page, "sweep", 0, "x"), 2), trace(page, "sweep", 0, "y"), strict=True))
    assert sweep[0.6] == compared.count(1, k, 0.6)
    expect(page.locator("#moved")).to_be_visible()
    page.reload()  # the address holds both
    expect(page.locator('[data-total="1"]')).to_have_text(str(compared.count(1, k, epsilon)))
    page.locator("[data-reset]").click()
    expect(page.locator('[data-total="1"]')).to_have_text(str(compared.count(1, 10, 0.5)))
    expect(page.locator("#moved")).to_be_hidden()
    assert "epsilon=" not in page.url


def test_what_the_page_draws_is_what_the_service_draws(watched: Watched, compared: Compared) -> None:
    page = watched.open(f"{compared.path}?weight={QUERY}&position=1")
    settled(page)
    told = api(watched, f"/api/v1{compared.path}/figures/intruders/match?weight={QUERY}&position=1")
    again = page.evaluate(
        "async (figure) => (await import('/static/js/match.js'))"
        ".matched(figure, figure.layout.meta.match.k, figure.layout.meta.match.epsilon)",
        told,
    )
    assert again["layout"]["shapes"] == told["layout"]["shapes"]
    assert again["layout"]["annotations"] == told["layout"]["annotations"]
    assert again["data"][1]["marker"] == told["data"][1]["marker"]
    assert again["data"][2]["x"] == told["data"][2]["x"]
    assert again["data"][2]["y"] == pytest.approx(told["data"][2]["y"])
    curves = api(watched, f"/api/v1{compared.path}/curves/intruders/best_match")["rows"]
    swept = api(watched, f"/api/v1{compared.path}/figures/intruders/sweep")
    again = page.evaluate(
        "async ([figure, curves]) => (await import('/static/js/match.js')).swept(figure, curves, 10, 0.5)",
        [swept, curves],
    )
    assert [line["y"] for line in again["data"]] == [line["y"] for line in swept["data"]]


def test_sliders_by_keyboard(watched: Watched, compared: Compared) -> None:
    page = watched.open(compared.path)
    settled(page)
    page.locator("#k").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#k-o")).to_have_text("9")
    page.locator("#epsilon").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#epsilon-o")).to_have_text("0.65")
    expect(page.locator('[data-total="1"]')).to_have_text(str(compared.count(1, 9, 0.65)))
    assert page.locator("#said").get_attribute("aria-live") == "polite"


def test_a_cell_a_row_and_a_segment_choose(watched: Watched, compared: Compared) -> None:
    page = watched.open(compared.path)
    settled(page)
    page.locator('#where [data-position="2"][data-pick="model.layers.0.mlp.up_proj.weight"]').click()
    expect(page.locator("#said")).to_contain_text("Block 0 · MLP up after Full")
    expect(page.locator("[data-tuned][aria-current]")).to_have_text("Full")
    assert "position=2" in page.url
    expect(page.locator("#overlaid .ranks")).to_have_attribute("data-figure", re.compile("layers.0.mlp"))
    page.locator("#rows tbody tr", has_text="Block 1 · query").click()
    expect(page.locator("#said")).to_contain_text("Block 1 · query after Full")
    page.locator('[data-tuned="1"]').click()
    expect(page.locator("#said")).to_contain_text("Block 1 · query are intruders after LoRA r = 3")
    page.locator("[data-matrix] select").select_option("model.layers.0.self_attn.q_proj.weight")
    expect(page.locator("#said")).to_contain_text("Block 0 · query")
    page.reload()
    expect(page.locator("#said")).to_contain_text("Block 0 · query")
    expect(page.locator("#where .cell[aria-current]")).to_have_count(1)
    settled(page)


def test_another_column_and_picture(watched: Watched, compared: Compared) -> None:
    page = watched.open(compared.path)
    page.locator("#where [data-color] select").select_option("relative_norm")
    expect(page.locator("#w-t")).to_contain_text("‖ΔW‖")
    page.locator('[data-view="depth"]').click()
    expect(page.locator("#where .plot.depth")).to_have_count(2)
    settled(page)
    page.reload()
    expect(page.locator("#where .plot.depth")).to_have_count(2)


def test_one_checkpoint_stands_out_in_all_figures(watched: Watched, compared: Compared) -> None:
    page = watched.open(compared.path)
    settled(page)
    page.locator('.chip[data-member="1"]').scroll_into_view_if_needed()
    page.locator('.chip[data-member="1"]').hover()
    look = "() => document.querySelector('.plot.ranks').data.map((trace) => [trace.meta.member, trace.opacity])"
    page.wait_for_function(f"() => ({look})().some(([, opacity]) => opacity < 1)")
    assert dict(page.evaluate(look))[1] == 1
    expect(page.locator('.chip[data-member="2"]')).to_have_class(re.compile("dim"))
    page.locator("h1").hover()
    page.wait_for_function(f"() => ({look})().every(([, opacity]) => opacity === 1)")


def onto(page: Page, kind: str, member: int, at: int) -> None:
    """Moves the mouse onto a point of a member's line in the first figure of a kind."""
    place = page.evaluate(
        """([kind, member, at]) => {
            const node = document.querySelector(`.plot.${kind}`), { xaxis, yaxis } = node._fullLayout;
            const line = node.data.find((trace) => trace.meta?.member === member), box = node.getBoundingClientRect();
            const [x, y] = [[xaxis, line.x], [yaxis, line.y]].map(([axis, of]) => axis._offset + axis.d2p(of[at]));
            return [box.left + x, box.top + y];
        }""",
        [kind, member, at],
    )
    page.mouse.move(place[0] - 3, place[1])
    page.mouse.move(*place)


def test_a_line_that_is_pointed_at_stands_out_in_the_other_figures(watched: Watched, compared: Compared) -> None:
    page = watched.open(f"{compared.path}?weight={QUERY}")
    settled(page)
    page.locator(".plot.ranks").scroll_into_view_if_needed()
    onto(page, "ranks", 2, 5)
    look = "(kind) => document.querySelector(`.plot.${kind}`).data.map((trace) => [trace.meta?.member, trace.opacity])"
    for kind in ("ranks", "spectra", "sweep"):
        page.wait_for_function(f"(kind) => ({look})(kind).some(([, opacity]) => opacity < 1)", arg=kind)
        seen = dict(page.evaluate(look, kind))
        assert seen[2] == 1
        assert seen[1] < 1
    expect(page.locator('.chip[data-member="1"]')).to_have_class(re.compile("dim"))
    expect(page.locator('.chip[data-member="2"]')).not_to_have_class(re.compile("dim"))
    page.mouse.move(2, 2)
    page.wait_for_function(f"() => ({look})('spectra').every(([, opacity]) => opacity === 1)")
    expect(page.locator(".chip.dim")).to_have_count(0)


def test_a_cell_that_is_pointed_at_shows_its_twins(watched: Watched, compared: Compared) -> None:
    page = watched.open(compared.path)
    page.locator(f'#where [data-position="1"][data-pick="{QUERY}"]').hover()
    twins = page.locator("#where .twin")
    expect(twins).to_have_count(2)
    assert {(twin.get_attribute("data-pick"), twin.get_attribute("data-position")) for twin in twins.all()} == {
        (QUERY, "1"),
        (QUERY, "2"),
    }
    page.locator("h1").hover()
    expect(twins).to_have_count(0)


def test_a_copied_link_shows_another_reader_the_same(watched: Watched, compared: Compared, browser: Browser) -> None:
    """The matrix, the tuned one, k and ε, the colour, the order, the filter and the columns."""
    page = watched.open(f"{compared.path}?color=relative_norm&columns=intruders.count&columns=update.rank")
    settled(page)
    page.locator('[data-tuned="2"]').click()
    page.locator("[data-matrix] select").select_option(QUERY)
    expect(page.locator("#said")).to_contain_text("Block 1 · query after Full")
    move(page, "k", 7)
    move(page, "epsilon", 0.85)
    page.locator('#rows [data-sort="rank.1"]').click()
    page.locator('[name="q"]').fill("query")
    expect(page.locator("#rows tbody tr:visible")).to_have_count(2)
    expect(page.locator("#epsilon-o")).to_have_text("0.85")
    page.locator("#head .menu summary", has_text="Export").click()
    link = copied(page, "[data-copy-link]")
    settled(page)

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    other = Watched(context.new_page(), watched.base)
    theirs = other.open(link.removeprefix(watched.base))
    settled(theirs)
    for part in ("#said", "#w-t", "#k-o", "#epsilon-o", "[data-tuned][aria-current]", "#rows", "#overlaid"):
        expect(theirs.locator(part)).to_have_text(page.locator(part).inner_text(), use_inner_text=True)
    expect(theirs.locator("#rows tbody tr:visible")).to_have_count(2)
    expect(theirs.locator("#rows [aria-sort]")).to_have_attribute("data-name", "rank.1")
    expect(theirs.locator("#moved")).to_be_visible()
    for kind in ("match", "sweep", "ranks", "spectra"):
        shown = f"document.querySelector('.plot.{kind}').data.map((trace) => [trace.name, trace.x, trace.y])"
        assert theirs.evaluate(shown) == page.evaluate(shown)
    context.close()
    assert other.unexpected() == []


def test_what_is_exported_is_what_the_run_kept(watched: Watched, compared: Compared) -> None:
    """Moved sliders change no export: it holds what was measured."""
    page = watched.open(f"{compared.path}?k=3&epsilon=0.9")
    page.locator("#head .menu summary", has_text="Export").click()
    for title, name in (("Intruder dimensions", "intruders"), ("Updates", "update"), ("Update overlap", "overlap")):
        with page.expect_download() as download:
            page.locator(".menu a", has_text=f"{title}, CSV").click()
        found = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
        kept = api(watched, f"/api/v1{compared.path}/tables/{name}")["rows"]
        assert len(found) == len(kept) > 0
        for ours, theirs in zip(found, kept, strict=True):
            assert ours["weight"] == theirs["weight"]
            numbers = [key for key, value in theirs.items() if type(value) in (int, float) and key in ours]
            assert len(numbers) >= 3
            assert {key: float(ours[key]) for key in numbers} == {key: theirs[key] for key in numbers}
    with page.expect_download() as download:
        page.locator(".menu a", has_text="JSON").click()
    assert json.loads(download.value.path().read_text()) == api(watched, f"/api/v1{compared.path}/report")


@pytest.fixture(params=["light", "dark"])
def phone(request: pytest.FixtureRequest, browser: Browser, served: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=request.param)
    found = Watched(context.new_page(), served)
    yield found
    context.close()
    assert found.unexpected() == []


@pytest.mark.parametrize("part", ["", "?color=relative_norm", "?view=depth", "form"])
def test_no_page_is_wider_than_a_phone(phone: Watched, compared: Compared, part: str) -> None:
    page = phone.open("/compare" if part == "form" else compared.path + part)
    if part != "form":
        settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_a_script_the_page_still_tells(browser: Browser, watched: Watched, compared: Compared) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(watched.base + compared.path + "?weight=model.layers.0.mlp.up_proj.weight&position=2")
    expect(page.locator("#said")).to_contain_text("Block 0 · MLP up after Full")
    expect(page.locator('[data-total="1"]')).to_have_text(str(compared.count(1, 10, 0.5)))
    expect(page.locator("#ranges")).to_be_hidden()
    page.locator('#rows [data-sort="relative_norm.2"]').click()
    assert "sort=-relative_norm.2" in page.url
    context.close()
