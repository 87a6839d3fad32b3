"""A reader's way through the report of a real model."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from frontend.numbers import short
from tests.browser.conftest import Watched, copied
from tests.browser.test_take import saved

ROWS = "#rows tbody tr:not([hidden])"


def api(watched: Watched, path: str) -> Any:
    with urlopen(watched.base + path) as answer:
        return json.load(answer)


def drawn(page: Page, count: int) -> None:
    """Waits until so many figures are drawn, scrolling to each."""
    for place in page.locator("[data-figure]").all():
        place.scroll_into_view_if_needed()
    expect(page.locator(".plot .main-svg:first-child")).to_have_count(count)
    expect(page.locator(".plot[aria-busy]")).to_have_count(0)


def names(page: Page) -> list[str]:
    page.wait_for_load_state()  # a click before the script is there is answered by a new page
    found: list[str] = page.eval_on_selector_all(ROWS, "rows => rows.map((row) => row.dataset.key)")
    return found


def test_the_report_shows_the_numbers_of_the_api(watched: Watched, report: str) -> None:
    page = watched.open(report)
    found = api(watched, f"/api/v1{report}/report")
    shown = dict(
        page.eval_on_selector_all(ROWS, "rows => rows.map((row) => [row.dataset.key, row.cells[2].textContent.trim()])")
    )
    assert len(shown) == len(found["tables"]["esd"]) == 40
    for row in found["tables"]["esd"]:
        assert shown[row["weight"]] == (short(row["alpha"]) if row["alpha"] is not None else row["note"])
    pooler = next(row for row in found["tables"]["esd"] if row["weight"] == "pooler.dense.weight")
    assert pooler["alpha"] == pytest.approx(12.35, abs=0.01)
    expect(page.locator(".verdict")).to_contain_text("29 of 29 firm fits have an α (KS) between 2 and 6")
    expect(page.locator("#coverage")).to_contain_text("40 of 104 tensors analysed")
    drawn(page, 3)


def test_choosing_a_layer_changes_the_panel_and_the_address(watched: Watched, report: str) -> None:
    page = watched.open(report)
    expect(page.locator("#p-t")).to_have_text("Pooler")  # the worst finding first
    drawn(page, 3)
    page.locator(ROWS, has_text="Block 0 · MLP up").click()
    expect(page.locator("#p-t")).to_have_text("Block 0 · MLP up")
    assert "weight=encoder.layer.0.intermediate.dense.weight" in page.url
    expect(page.locator("#panel .density")).to_have_attribute("data-figure", re.compile("layer.0.intermediate"))
    expect(page.locator("#panel .density text", has_text="slope −2.48")).to_be_visible()
    page.reload()
    expect(page.locator("#p-t")).to_have_text("Block 0 · MLP up")
    expect(page.locator("#rows tr[aria-current]")).to_have_count(1)
    page.locator("#health a.cell", has_text="8.4").click()
    expect(page.locator("#p-t")).to_have_text("Block 4 · value")


def test_sort_and_filter_are_instant_and_in_the_address(watched: Watched, report: str) -> None:
    page = watched.open(report)
    assert names(page)[0] == "pooler.dense.weight"
    page.locator('[data-sort="stable_rank"]').click()
    table = api(watched, f"/api/v1{report}/tables/norms?sort=-stable_rank")
    assert names(page) == [row["weight"] for row in table["rows"]]
    page.locator('[data-sort="stable_rank"]').click()
    assert names(page) == [row["weight"] for row in table["rows"]][::-1]
    page.locator("[data-filter] input[type=search]").fill("value")
    expect(page.locator("[data-count]").first).to_have_text("6 of 40 matrices")
    assert "sort=stable_rank" in page.url
    assert "q=value" in page.url
    before = names(page)
    page.reload()
    assert names(page) == before  # the server gives the same for the same address
    page.locator('[data-show="flagged"]').click()
    flagged = api(watched, f"/api/v1{report}/tables/esd?flagged=true")[
        "rows"
    ]  # by firm fits, of which none is a value's
    expect(page.locator("[data-count]").first).to_have_text("0 of 40 matrices")
    assert not [row for row in flagged if row["role"] == "v"]
    page.locator("[data-filter] input[type=search]").fill("no such layer")
    page.locator("[data-clear]").click()
    assert len(names(page)) == 40


def test_keys(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#p-t")).to_have_text("Block 4 · value")
    page.keyboard.press("k")
    expect(page.locator("#p-t")).to_have_text("Pooler")
    page.keyboard.press("/")
    expect(page.locator("[data-filter] input[type=search]")).to_be_focused()
    page.keyboard.type("jk?")
    expect(page.locator("[data-count]").first).to_have_text("0 of 40 matrices")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_layers_and_cells_are_one_tab_stop_each(watched: Watched, report: str) -> None:
    page = watched.open(report)
    stops = [page.locator(f"{place} a[tabindex='0']") for place in ("#rows tbody", "#health .heat", "#health .chips")]
    for stop in stops:
        expect(stop).to_have_count(1)
    expect(page.locator("#rows tbody a:not([tabindex]), #health .cell:not([tabindex])")).to_have_count(0)
    stops[0].focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#rows tbody a").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#p-t")).to_have_text("Block 4 · value")
    page.locator("[data-filter] input[type=search]").fill("query")
    expect(page.locator("#rows tbody tr:not([hidden]) a[tabindex='0']")).to_have_count(1)
    page.locator("#health .heat a").first.focus()  # block 0, query
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator("#p-t")).to_have_text("Block 1 · key")
    expect(stops[1]).to_have_count(1)


def test_another_colour(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.locator("[data-color] select").select_option("stable_rank")
    expect(page.locator("#d-t")).to_have_text("Stable rank by depth")
    assert "color=stable_rank" in page.url
    expect(page.locator("#health .cell.q-5").first).to_be_visible()


def test_another_picture_of_the_column(watched: Watched, report: str) -> None:
    page = watched.open(report)
    for tab, title in (("flow", "α along the layers"), ("distribution", "α by role"), ("", "α by depth")):
        page.locator(f'[data-view="{tab}"]').click()
        expect(page.locator("#d-t")).to_have_text(title)
        expect(page.locator("#picture .plot .scatterlayer path.point").first).to_be_visible()
        assert page.url.endswith(f"view={tab}") if tab else "view=" not in page.url
    page.locator('[data-view="flow"]').click()
    expect(page.locator("#picture .key li")).to_have_count(9)
    page.reload()
    expect(page.locator("#d-t")).to_have_text("α along the layers")


def test_columns_are_chosen(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.locator(ROWS, has_text="Block 2 · key").click()
    page.locator("#columns summary").click()
    for name in ("alpha", "D", "entropy", "warning"):
        page.locator(f'#columns input[value="{name}"]').click()
    page.get_by_role("button", name="Show these").click()
    heads = page.locator("#rows thead th")
    expect(heads).to_have_text([
        "Layer", "Shape", "Eigenvalues in the tail", "WeightWatcher's warning", "σ₁", "Stable rank", "Entropy",
    ])  # fmt: skip
    expect(page.locator("#p-t")).to_have_text("Block 2 · key")
    page.locator('[data-sort="entropy"]').click()
    table = api(watched, f"/api/v1{report}/tables/norms?sort=-entropy")
    assert names(page)[:30] == [row["weight"] for row in table["rows"]][:30]
    page.locator("#columns summary").click()
    page.get_by_text("Show default columns").click()
    expect(heads).to_have_count(7)
    assert "columns=" not in page.url


def test_light_and_dark(watched: Watched, report: str) -> None:
    page = watched.open(report)
    drawn(page, 3)

    ground, bar = page.locator("body"), page.locator("#panel .density .bars path").first
    expect(ground).to_have_css("background-color", "rgb(246, 247, 248)")
    light: str = bar.evaluate("(path) => getComputedStyle(path).fill")
    page.locator("[data-theme-toggle]").click()
    expect(page.locator("[data-theme-toggle]")).to_have_text("Light")
    expect(ground).to_have_css("background-color", "rgb(15, 18, 22)")
    expect(bar).not_to_have_css("fill", light)  # figures follow
    page.reload()
    expect(ground).to_have_css("background-color", "rgb(15, 18, 22)")


def test_exports(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.locator("#head .menu summary", has_text="Export").click()
    with page.expect_download() as download:
        page.locator(".menu a", has_text="CSV").first.click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(rows) == 40
    assert float(rows[-1]["alpha"]) == api(watched, f"/api/v1{report}/tables/esd")["rows"][-1]["alpha"]
    page.locator(ROWS, has_text="Block 2 · key").click()
    expect(page.locator("#p-t")).to_have_text("Block 2 · key")
    page.locator("#head .menu summary", has_text="Export").click()
    assert copied(page, "[data-copy-link]") == page.url


def test_hovering_a_figure_breaks_no_rule(watched: Watched, report: str) -> None:
    page = watched.open(report)
    drawn(page, 3)
    for kind in ("depth", "density", "line"):
        box = page.locator(f".plot.{kind}")
        box.scroll_into_view_if_needed()
        size = box.bounding_box()
        assert size is not None
        for part in (0.3, 0.5, 0.7, 0.9):
            page.mouse.move(size["x"] + part * size["width"], size["y"] + 0.6 * size["height"])
            page.wait_for_timeout(60)


@pytest.mark.parametrize("path", ["/", "/checkpoints/1", "report", "/api", "/login"])
@pytest.mark.parametrize("width", [390, 1000])
def test_no_page_is_wider_than_the_screen(watched: Watched, report: str, path: str, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 844})
    page = watched.open(report if path == "report" else path)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if path == "report":
        drawn(page, 3)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_targets_are_large_enough_for_a_finger(watched: Watched, report: str) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 844})
    page = watched.open(report)
    for box in page.locator("main .btn:visible, #rows tbody tr:visible, .field:visible").all():
        size = box.bounding_box()
        assert size is not None
        assert size["height"] >= 40


def test_on_paper_there_are_no_controls(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.emulate_media(media="print")
    expect(page.locator(".top")).to_be_hidden()
    expect(page.locator(".tools")).to_be_hidden()
    expect(page.locator("#rows")).to_be_visible()


def test_without_a_script_the_report_is_there(watched: Watched, report: str) -> None:
    assert watched.page.context.browser is not None
    context = watched.page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{watched.base}{report}?q=pooler&weight=pooler.dense.weight")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("#p-t")).to_have_text("Pooler")
    heights = page.eval_on_selector_all(".plot", "plots => plots.map((plot) => plot.offsetHeight)")
    assert 0 < max(heights) < 60  # a sentence, no grey box
    page.locator("[data-sort=D]").click()
    assert "q=pooler" in page.url
    assert "sort=-D" in page.url
    context.close()


def test_a_rule_on_the_weights_is_computed_watched_and_downloaded(
    watched: Watched, report: str, tmp_path: Path
) -> None:
    page = watched.open(report)
    rule = page.locator("#rule-quantisation")
    rule.locator("summary").click()
    rule.get_by_label("ratio").fill("1.5")
    rule.locator("select").select_option("int8")
    rule.get_by_role("button", name="Compute").click()
    said = page.locator("#todo .said").first
    expect(said.get_by_role("button", name="Delete")).to_be_visible()  # it was done without a reload
    expect(said.get_by_role("img", name="Done")).to_be_visible()
    said.locator("[data-figure]").scroll_into_view_if_needed()
    expect(said.locator(".plot .main-svg").first).to_be_visible()
    png = saved(page, "#todo .said", "png", tmp_path)
    assert png.read_bytes()[:4] == b"\x89PNG"
    said.locator(".take summary").click()
    link = copied(page, "#todo .said [data-figure-link]")
    number = said.get_attribute("id")
    page.goto("about:blank")
    watched.open(link.removeprefix(watched.base))
    expect(said).to_have_attribute("id", number or "")
    expect(said.locator(".plot:target .main-svg").first).to_be_in_viewport()
    with page.expect_download() as begun:
        said.get_by_role("link", name="prescription.json").click()
    told = json.loads(begun.value.path().read_text())
    assert (told["parameters"]["format"], told["parameters"]["ratio"]) == ("int8", 1.5)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    said.get_by_role("button", name="Delete").click()
    expect(page.locator("#todo .said")).to_have_count(0)
