"""The bar on top and the width of the page, from a phone to a large screen."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Watched

SECTIONS = ["Checkpoints", "Runs", "Compare", "Widths", "API", "Access"]


def bar(page: Page) -> tuple[Locator, Locator]:
    """The button of the menu, and the menu's links."""
    return page.get_by_role("button", name="Menu"), page.locator(".top nav a")


def open_narrow(watched: Watched, width: int = 390) -> tuple[Page, Locator, Locator]:
    watched.page.set_viewport_size({"width": width, "height": 844})
    page = watched.open("/checkpoints")
    return page, *bar(page)


@pytest.mark.parametrize("width", [320, 390, 767])
def test_a_narrow_bar_has_a_menu_that_moves_nothing(watched: Watched, width: int) -> None:
    page, button, links = open_narrow(watched, width)
    before = page.locator("#head").bounding_box()
    expect(links.first).to_be_hidden()
    button.click()
    expect(links).to_have_text(SECTIONS)
    for link in links.all():
        expect(link).to_be_in_viewport(ratio=1)
        box = link.bounding_box()
        assert box is not None
        assert (box["width"] > 300, box["height"] >= 44) == (True, True)
    assert page.locator("#head").bounding_box() == before
    links.nth(1).click()
    page.wait_for_url("**/runs")
    expect(links.first).to_be_hidden()


def test_the_menu_opens_and_closes_by_key(watched: Watched) -> None:
    page, button, links = open_narrow(watched)
    button.focus()
    page.keyboard.press("Enter")
    expect(links.first).to_be_visible()
    page.keyboard.press("Tab")
    expect(links.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(links.first).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs")


def test_the_menu_needs_no_script_and_closes_by_a_touch_beside_it(watched: Watched) -> None:
    assert watched.page.context.browser is not None
    context = watched.page.context.browser.new_context(
        java_script_enabled=False, has_touch=True, viewport={"width": 390, "height": 844}
    )
    page = context.new_page()
    page.goto(watched.base + "/checkpoints")
    button, links = bar(page)
    button.tap()
    expect(links.last).to_be_visible()
    page.touchscreen.tap(200, 800)
    expect(links.last).to_be_hidden()
    context.close()


def test_a_wide_bar_shows_every_section(watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 768, "height": 844})
    button, links = bar(watched.open("/checkpoints"))
    expect(button).to_be_hidden()
    expect(links).to_have_text(SECTIONS)
    for link in links.all():
        expect(link).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [1440, 2560])
def test_tables_and_figures_use_a_wide_screen_and_text_stays_readable(
    watched: Watched, report: str, width: int
) -> None:
    watched.page.set_viewport_size({"width": width, "height": 900})
    page = watched.open(report)
    box = page.locator("#main").bounding_box()
    assert box is not None
    assert box["width"] == width
    row = page.evaluate(
        "[...document.querySelectorAll('#layers, #panel')].map((card) => card.getBoundingClientRect().width)"
    )
    assert sum(row) > 0.93 * width
    sizes = page.evaluate(
        "[...document.querySelectorAll('.verdict, .findings span, .findings .why, .read, figcaption')]"
        ".map((text) => text.getBoundingClientRect().width)"
    )
    assert max(sizes) < 900


def test_a_panel_that_sticks_covers_nothing_below_its_table(watched: Watched, report: str) -> None:
    watched.page.set_viewport_size({"width": 1440, "height": 900})
    page = watched.open(report)
    page.locator("#panel [data-figure]").first.scroll_into_view_if_needed()
    page.locator("#todo").scroll_into_view_if_needed()
    panel, todo = (page.locator(name).bounding_box() for name in ("#panel", "#todo"))
    assert panel is not None
    assert todo is not None
    assert panel["y"] + panel["height"] <= todo["y"]


def test_the_menu_of_a_figure_stays_within_it(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.locator("#panel [data-figure]").first.scroll_into_view_if_needed()
    below = page.evaluate(
        "[...document.querySelectorAll('#panel details.take')].filter((menu) => menu.checkVisibility())"
        ".map((menu) => menu.closest('figure').getBoundingClientRect().bottom - menu.getBoundingClientRect().bottom)"
    )
    assert len(below) > 0
    assert min(below) >= 0


SPACE = """() => {
  const [card, sentence, picture, numbers] = ['#verdict', '.verdict', '.swarm', '.kpis'].map((name) =>
    document.querySelector(name)?.getBoundingClientRect());
  return [picture ? picture.top - sentence.bottom : 0, numbers.top - (picture ?? sentence).bottom,
    card.bottom - numbers.bottom];
}"""


@pytest.mark.parametrize("width", [1440, 2560])
def test_a_long_list_of_findings_leaves_no_gap_in_the_verdict(watched: Watched, report: str, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 900})
    page = watched.open(report)
    expect(page.locator("#findings .findings > li")).to_have_count(8)  # no more than ten: all are seen
    assert max(page.evaluate(SPACE)) < 100
    last = page.locator("#findings .findings > li").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()
