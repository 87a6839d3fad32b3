"""The list of checkpoints, the page of a layer and reports side by side in a browser: keys, choices, linked figures."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watched, copied
from tests.browser.test_take import saved, switched, types
from tests.service import model


def send(base: str, method: str, path: str, body: bytes, kind: str = "application/json") -> Any:
    with urlopen(Request(base + path, body, {"content-type": kind}, method=method)) as answer:
        return json.load(answer)


@pytest.fixture(scope="session")
def pair(served: str) -> tuple[int, int]:
    """Two finished runs over checkpoints of one name, tagged “pair”."""
    runs = []
    for layers in (1, 2):
        path = "/api/v1/checkpoints?filename=twin.safetensors"
        sent = send(served, "POST", path, model(layers), "application/octet-stream")
        send(served, "PATCH", f"/api/v1/checkpoints/{sent['id']}", b'{"tags": ["pair"]}')
        runs.append(send(served, "POST", "/api/v1/runs", json.dumps({"checkpoints": [sent["id"]]}).encode())["id"])
    for run in runs:
        with urlopen(f"{served}/api/v1/runs/{run}?wait=60") as answer:
            assert json.load(answer)["state"] == "done"
    return runs[0], runs[1]


def test_rows_are_reached_by_arrow_keys_chosen_deleted_and_restored(watched: Watched, pair: tuple[int, int]) -> None:
    page = watched.open("/checkpoints?tag=pair")
    rows = page.locator("#checkpoints tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator("#checkpoints tbody [tabindex='0']")).to_have_count(3)  # a box, a link, a tag: of one row
    expect(page.locator("#change")).to_be_hidden()
    rows.nth(0).locator("input").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(rows.nth(1).locator("input")).to_be_checked()
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    page.get_by_role("button", name="Delete").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(2)
    expect(page.locator("#checkpoints tbody [tabindex='0']")).to_have_count(3)  # the new page's script has run
    page.keyboard.press("/")
    expect(page.locator("[data-finder] input[type=search]")).to_be_focused()
    page.keyboard.type("nothing-such")
    page.keyboard.press("Enter")
    expect(page.locator("#checkpoints")).to_contain_text("No checkpoint matches.")


def test_reports_side_by_side_link_rows_and_lines(watched: Watched, pair: tuple[int, int]) -> None:
    page = watched.open(f"/compare/reports/since/{pair[1]}")
    expect(page.locator("#reports tbody tr")).to_have_count(2)
    expect(page.locator("#overlay .main-svg").first).to_be_visible()
    page.locator("#reports tbody tr").nth(1).hover()
    expect(page.locator("#reports tbody tr").nth(0)).to_have_class("dim")
    row = page.locator("#rows tbody tr").nth(1)
    row.locator("a").click()
    expect(page.locator("#o-t")).to_contain_text(row.locator("a").inner_text())
    assert "weight=" in page.url


def test_a_form_asks_for_the_axes_that_were_switched(watched: Watched, pair: tuple[int, int]) -> None:
    page = watched.open(f"/compare/reports/since/{pair[1]}")
    expect(page.locator("#overlay .main-svg").first).to_be_visible()
    assert switched(page, "#overlay") == "Linear"
    page.locator("[data-finder] select[name=sort]").select_option("layer")
    expect(page).to_have_url(re.compile(r"sort=layer.*axes=figure-overlay"))
    expect(page.locator("#overlay .main-svg").first).to_be_visible()
    assert types(page, "#overlay") == ["linear", "linear"]


def test_spectra_side_by_side_are_saved_and_linked(watched: Watched, pair: tuple[int, int], tmp_path: Path) -> None:
    page = watched.open(f"/compare/reports/since/{pair[1]}")
    row = page.locator("#rows tbody tr").nth(1)
    row.locator("a").click()
    expect(page.locator("#o-t")).to_contain_text(row.locator("a").inner_text())
    svg = saved(page, "#overlay", "svg", tmp_path)
    weight = row.get_attribute("data-key")
    assert weight is not None
    assert weight.replace("_", "-") in svg.name
    lines = [each for each in ET.fromstring(svg.read_text("utf-8")).iter() if each.get("class") == "js-line"]
    assert lines
    expect(page.locator("#overlay .js-line")).to_have_count(len(lines))  # once the page has drawn them too
    page.locator("#overlay .take summary").click()
    link = copied(page, "#overlay [data-figure-link]")
    page.goto("about:blank")
    found = watched.open(link.removeprefix(watched.base))
    expect(found.locator("#overlay .plot:target .main-svg").first).to_be_in_viewport()
    expect(found.locator("#rows [aria-current]")).to_have_attribute("data-key", weight)


def test_a_layer_has_a_page_with_its_figures(watched: Watched, pair: tuple[int, int]) -> None:
    page = watched.open(f"/runs/{pair[1]}/layers?weight=model.layers.0.self_attn.q_proj.weight")
    expect(page.locator(".density .main-svg").first).to_be_visible()
    expect(page.locator("#elsewhere tbody tr").nth(1)).to_be_visible()  # other tests have added more
    page.locator("#neighbours tbody a").nth(1).click()
    expect(page.locator("h1")).to_contain_text("Block 1 · query")


def test_the_picker_of_a_comparison_searches_as_one_types_and_keeps_the_choice(
    watched: Watched, pair: tuple[int, int]
) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 844})
    first, second = [
        send(
            watched.base,
            "POST",
            f"/api/v1/checkpoints?filename={name}.safetensors",
            model(),
            "application/octet-stream",
        )
        for name in ("needle-base", "needle-tuned")
    ]
    page = watched.open("/compare")
    expect(page.locator("#search")).to_have_count(0)  # with a script letters are enough
    page.keyboard.press("/")
    page.keyboard.type("needle-tuned")
    expect(page.locator("#tuned li")).to_have_count(1)
    page.locator(f'[name="tuned"][value="{second["id"]}"]').focus()
    page.keyboard.press("Space")
    page.locator('[name="find"]').fill("needle-base")
    expect(page.locator("#tuned li")).to_have_count(2)
    expect(page.locator(f'[name="tuned"][value="{second["id"]}"]')).to_be_checked()
    expect(page.locator(f'[name="tuned"][value="{first["id"]}"]')).not_to_be_checked()
    page.locator('[name="base"]').select_option(str(first["id"]))
    page.locator('[name="find"]').fill("no-such-thing")
    page.keyboard.press("Enter")
    expect(page.locator("#matches")).to_have_text("0 checkpoints match. What is chosen stays.")
    expect(page.locator('[name="base"]')).to_have_value(str(first["id"]))
    assert page.url.endswith(f"/compare?base={first['id']}&tuned={second['id']}&find=no-such-thing")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/runs/*")
