"""Taking it along: figures as files and links, the table as text, and paper with every figure on it."""

import csv
import io
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE, Watched, copied

VISIBLE = "#rows tbody tr:not([hidden])"
DRAWN = ".plot .main-svg:first-child"
COUNT = """addEventListener('beforeprint', () => {
  window.onPaper = [...document.querySelectorAll('.plot')].filter((plot) => plot.offsetParent)
    .map((plot) => Math.abs(plot.querySelector('.main-svg')?.clientWidth - plot.clientWidth) <= 1);
  window.theme = getComputedStyle(document.body).backgroundColor;
})"""


def saved(page: Page, figure: str, form: str, folder: Path) -> Path:
    """The file that a figure's menu gives, by the keyboard alone."""
    page.locator(f"{figure} .take summary").focus()
    page.keyboard.press("Enter")
    page.locator(f"{figure} [data-save={form}]").focus()
    with page.expect_download(timeout=PATIENCE) as waiting:
        page.keyboard.press("Enter")
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    return file


def test_a_figure_is_saved_as_png_and_svg(watched: Watched, report: str, tmp_path: Path) -> None:
    page = watched.open(report)
    page.locator("#picture .plot").scroll_into_view_if_needed()
    expect(page.locator("#picture .main-svg").first).to_be_visible()
    width, height = page.eval_on_selector("#picture .plot", "plot => [plot.clientWidth, plot.clientHeight]")
    png = saved(page, "#picture", "png", tmp_path)
    assert png.name.endswith("-α-by-depth.png")
    content = png.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (2 * width, 2 * height)
    svg = saved(page, "#picture", "svg", tmp_path)
    root = ET.fromstring(svg.read_text("utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height")) == (str(width), str(height))
    assert "MLP up" in "".join(root.itertext())


def test_a_figure_of_a_layer_is_saved_unseen_with_the_layers_name(
    watched: Watched, report: str, tmp_path: Path
) -> None:
    page = watched.open(f"{report}?weight=encoder.layer.0.intermediate.dense.weight")
    file = saved(page, "#panel figure:has(.density)", "svg", tmp_path)
    assert file.name.endswith("-encoder.layer.0.intermediate.dense.weight-Eigenvalue-spectrum.svg")
    assert "slope −2.48" in "".join(ET.fromstring(file.read_text("utf-8")).itertext())


def test_a_link_opens_the_same_figure_elsewhere(watched: Watched, browser: Browser, report: str) -> None:
    page = watched.open(f"{report}?color=stable_rank&view=flow&q=value")
    expect(page.locator("#d-t")).to_have_text("Stable rank along the layers")
    page.locator("#picture .take summary").click()
    of_table = copied(page, "#picture [data-figure-link]")
    page.locator("#panel .take summary").first.click()
    of_layer = copied(page, "#panel figure:has(.density) [data-figure-link]")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    other = Watched(context.new_page(), watched.base)
    found = other.open(of_table.removeprefix(watched.base))
    expect(found.locator("#d-t")).to_have_text("Stable rank along the layers")
    expect(found.locator("#picture .plot:target .main-svg").first).to_be_in_viewport()
    expect(found.locator("[data-filter] input[type=search]")).to_have_value("value")
    assert "weight=pooler.dense.weight" in of_layer  # also where nobody chose it
    found = other.open(of_layer.removeprefix(watched.base))
    expect(found.locator("#p-t")).to_have_text("Pooler")
    expect(found.locator("#panel .density:target .main-svg").first).to_be_in_viewport()
    context.close()
    assert other.unexpected() == []


TYPES = "plot => ['xaxis', 'yaxis'].map((name) => plot._fullLayout[name].type)"
DENSITY, DEPTH = "#panel figure:has(.density)", "#picture"


def switched(page: Page, figure: str) -> str:
    """Switches a figure's axes by its menu; what it says."""
    page.evaluate("() => { document.querySelector('#say').textContent = '' }")
    if not page.locator(f"{figure} .take[open]").count():
        page.locator(f"{figure} .take summary").click()
    page.locator(f"{figure} [data-axes]").click()
    expect(page.locator("#say")).not_to_be_empty()
    return page.locator("#say").inner_text()


def types(page: Page, figure: str) -> list[str]:
    found: list[str] = page.eval_on_selector(f"{figure} .plot", TYPES)
    return found


def test_a_link_keeps_the_axes_that_were_switched(watched: Watched, browser: Browser, report: str) -> None:
    page = watched.open(report)
    assert switched(page, DENSITY) == "Linear"
    assert types(page, DENSITY) == ["linear", "linear"]
    assert switched(page, DEPTH) == "Logarithmic"
    assert types(page, DEPTH)[1] == "log"
    ticks = page.locator(f"{DEPTH} .ytick text")
    assert ticks.count() > 1
    assert all(re.fullmatch(r"[\d.]+", text) for text in ticks.all_text_contents())
    link = copied(page, f"{DEPTH} [data-figure-link]")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    other = Watched(context.new_page(), watched.base)
    found = other.open(link.removeprefix(watched.base))
    expect(found.locator(f"{DEPTH} .plot:target .main-svg").first).to_be_visible()
    assert types(found, DEPTH)[1] == "log"
    found.locator(DENSITY).scroll_into_view_if_needed()
    expect(found.locator(f"{DENSITY} .main-svg").first).to_be_visible()
    assert types(found, DENSITY) == ["linear", "linear"]
    context.close()
    assert other.unexpected() == []
    assert (switched(page, DEPTH), switched(page, DENSITY)) == ("Linear", "Logarithmic")
    assert types(page, DENSITY) == ["log", "log"]
    assert "axes=" not in page.url


def switched_json(page: Page, trace: Mapping[str, object], layout: Mapping[str, object]) -> Any:
    """The layout of a figure of one trace with its axes switched; None where that is not possible."""
    module = "async (figure) => (await import('/static/js/axes.js')).switchAxes(figure)?.layout ?? null"
    return page.evaluate(module, {"data": [trace], "layout": layout})


def test_what_is_drawn_over_a_figure_goes_with_its_axes(watched: Watched, report: str) -> None:
    page = watched.open(report)
    over = {"annotations": [{"y": 100}, {"y": 0.5, "yref": "paper"}], "shapes": [{"y0": 0, "y1": 1000}]}
    found = switched_json(page, {"y": [10, 1000, None]}, over)
    assert [note["y"] for note in found["annotations"]] == [2, 0.5]
    assert found["yaxis"]["range"] == pytest.approx([0.92, 3.08])
    assert found["shapes"] == [{"y0": pytest.approx(10**0.92), "y1": 1000}]
    assert found["yaxis"]["ticktext"] == ["10", "20", "50", "100", "200", "500", "1000"]
    logarithmic = {"yaxis": {"type": "log", "tickvals": [1]}, "annotations": [{"y": 2}]}
    found = switched_json(page, {"y": [0, 10]}, logarithmic)
    assert (found["yaxis"]["type"], found["annotations"][0]["y"], "tickvals" in found["yaxis"]) == (
        "linear",
        100,
        False,
    )
    traces: list[dict[str, object]] = [{"y": [0, 1]}, {"y": ["a"]}, {"type": "heatmap", "y": [1, 2]}, {"y": []}]
    assert [switched_json(page, trace, {}) for trace in traces] == [None] * len(traces)


def copied_table(page: Page, form: str) -> str:
    page.locator("#layers summary", has_text="Copy").click()
    text = copied(page, f"[data-copy-table={form}]")
    page.keyboard.press("Escape")
    return text


def test_the_table_is_copied_as_it_is_seen(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.locator('[data-sort="stable_rank"]').click()
    page.locator("[data-filter] input[type=search]").fill("value")
    expect(page.locator("[data-count]").first).to_have_text("6 of 40 matrices")
    labels = [text.strip() for text in page.locator(f"{VISIBLE} th").all_text_contents()]
    lines = list(csv.DictReader(io.StringIO(copied_table(page, "tabs")), delimiter="\t"))
    assert [line["Layer"] for line in lines] == labels
    ranks = [float(line["Stable rank"]) for line in lines]
    assert ranks == sorted(ranks, reverse=True)
    assert lines[0]["Shape"] == "384 × 384"
    table = copied_table(page, "markdown").splitlines()
    assert len(table) == 2 + 6
    assert [line.split(" | ")[0].removeprefix("| ") for line in table[2:]] == labels
    assert len({line.count(" | ") for line in table}) == 1


def test_numbers_are_copied_in_plain_digits(watched: Watched, report: str) -> None:
    page = watched.open(report)
    module = "async (texts) => { const { plain } = await import('/static/js/numerals.js'); return texts.map(plain); }"
    texts = ["30,522", "1.23 × 10⁻⁴", "−0.5", "384 × 384", "–", "3 of 4"]
    assert page.evaluate(module, texts) == ["30522", "1.23e-4", "-0.5", "", "", ""]


def test_paper_has_every_figure(browser: Browser, served: str, report: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    watched = Watched(context.new_page(), served)
    page = watched.page
    with page.expect_response(re.compile("/figures/esd/cutoff"), timeout=PATIENCE):  # fetched ahead, though unseen
        watched.open(report)
    page.wait_for_timeout(1000)
    count = page.locator("#main .plot:visible").count()
    page.evaluate(COUNT)  # after the page's own listener
    assert page.locator(DRAWN).count() < count
    page.pdf(format="A4")
    assert page.evaluate("window.onPaper") == [True] * count
    assert page.evaluate("window.theme") == "rgb(255, 255, 255)"
    expect(page.locator("html")).not_to_have_attribute("data-paper", "")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 22)"
    context.close()
    assert watched.unexpected() == []
