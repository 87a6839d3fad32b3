"""Every page under axe-core's rules, in both themes, from a phone to a large screen: nothing serious or critical.

axe-core comes from npm, as TypeScript does in .ci/check-js. Without npm these tests are skipped; in CI they fail then.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect
from safetensors.torch import save

from tests import families
from tests.app.pages import compared
from tests.browser.conftest import Watched
from tests.conftest import missing
from tests.service import model

AXE = "axe-core@4.14.1"
WIDTHS = (390, 1440, 2560)
Theme = Literal["light", "dark"]
COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that a theme can break
RULES: Mapping[Theme, list[str] | None] = {"light": None, "dark": COLOURS}  # None: all
REPEATED = ".op:nth-child(n + 4), .prose > :nth-child(n + 60), tbody tr:nth-child(n + 12)"  # of one template
PRUNE = f"document.querySelectorAll('{REPEATED}').forEach((node) => node.remove())"
BROKEN = """async (only) => {
  const found = await axe.run({ ...(only ? { runOnly: only } : {}), resultTypes: ["violations"], preload: false });
  return found.violations.filter((rule) => ["serious", "critical"].includes(rule.impact))
    .map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.html.slice(0, 200)).join(" ")}`);
}"""
PLANT = """() => {
  document.querySelector("#main").insertAdjacentHTML("beforeend", '<img src="/static/icon.svg">');
  document.querySelector("#main h1").style.color = "rgb(200 200 200)";
}"""
LAYER = "model.layers.0.self_attn.q_proj.weight"
PAGES = [
    "/", "/checkpoints", "/checkpoints?show=trash", "/runs", "/compare", "/compare/reports", "/scaling", "/api",
    "/access", "/help/findings", "/login", "/nowhere",
    "checkpoint", "run", "layer", "comparison", "reports", "widths", "facts",
]  # fmt: skip


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe.min.js."""
    folder: Path = tmp_path_factory.mktemp("axe")
    if shutil.which("npm") is None:
        missing("npm is not installed: axe-core comes from there")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), AXE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"npm could not install {AXE}: {done.stderr.strip()}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


def send(method: str, address: str, body: bytes, kind: str = "application/json") -> int:
    """The number of what this makes or changes."""
    with urlopen(Request(address, body, {"content-type": kind}, method=method)) as answer:
        return int(json.load(answer)["id"])


def upload(base: str, name: str, content: bytes) -> int:
    path = f"/api/v1/checkpoints?filename=model.safetensors&name={name}"
    return send("POST", base + path, content, "application/octet-stream")


def finish(base: str, wanted: object) -> int:
    """The number of a run, once it is done."""
    run = send("POST", f"{base}/api/v1/runs", json.dumps(wanted).encode())
    with urlopen(f"{base}/api/v1/runs/{run}?wait=60") as answer:
        assert json.load(answer)["state"] == "done"
    return run


def family(base: str) -> list[int]:
    """Models of several widths, with their facts."""
    settings = families.settings("both constant")
    found = [upload(base, f"d{each.width:g}", save(families.model(each))) for each in settings]
    for identity, each in zip(found, settings, strict=True):
        send("PATCH", f"{base}/api/v1/checkpoints/{identity}", json.dumps({"facts": families.facts(each)}).encode())
    return found


@pytest.fixture(scope="module")
def paths(served: str) -> Mapping[str, str]:
    """The pages that show something stored: small models, a comparison, a family of widths."""
    single = upload(served, "single", model(1))
    tensors = compared.tensors()
    pair = [upload(served, name, save(tensors[name])) for name in ("base", "soft")]
    models = family(served)
    run, comparison = finish(served, {"checkpoints": [single]}), finish(served, {"checkpoints": pair})
    widths = finish(served, {"checkpoints": models, "diagnostics": {"top_singular_value": {}}})
    return {
        "checkpoint": f"/checkpoints/{single}",
        "run": f"/runs/{run}",
        "layer": f"/runs/{run}/layers?weight={LAYER}",
        "comparison": f"/runs/{comparison}",
        "reports": f"/compare/reports/since/{comparison}",
        "widths": f"/runs/{widths}",
        "facts": "/scaling?" + "&".join(f"of={each}" for each in models),
    }


def leave_out_figures(page: Page) -> None:
    """Gives empty figures: axe-core sees an image with a name there, and drawing takes longer than its rules."""
    page.route("**/plotly-*.min.js", lambda route: route.fulfill(content_type="text/javascript", body="Plotly = {}"))
    page.route("**/figures/**", lambda route: route.fulfill(json={"data": [], "layout": {}}))


def test_axe_finds_what_is_broken(watched: Watched, axe: str) -> None:
    page = watched.open("/nowhere")
    watched.expected.append("404")
    page.evaluate(axe)
    page.evaluate(PLANT)
    assert sorted(rule.partition(":")[0] for rule in page.evaluate(BROKEN)) == ["color-contrast", "image-alt"]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_breaks_a_serious_rule(watched: Watched, axe: str, paths: Mapping[str, str], name: str) -> None:
    watched.expected.append("404" if name == "/nowhere" else "^$")
    leave_out_figures(watched.page)
    page = watched.open(paths.get(name, name))
    page.evaluate(PRUNE)
    page.evaluate(axe)
    broken = {}
    for theme in RULES:
        page.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 300})
            broken[theme, width] = page.evaluate(BROKEN, RULES[theme])
    assert not any(broken.values()), broken


@pytest.mark.parametrize("name", ["run", "comparison"])
def test_drawn_figures_break_no_rule_either(watched: Watched, axe: str, paths: Mapping[str, str], name: str) -> None:
    page = watched.open(paths[name])
    for place in page.locator("[data-figure]").all():
        place.scroll_into_view_if_needed()
    expect(page.locator(".plot[aria-busy]")).to_have_count(0)
    page.evaluate(axe)
    assert page.evaluate(BROKEN) == []
