"""A word explains itself in place: by mouse, keyboard and touch, within a narrow screen, and without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watched

ALPHA = '#rows thead button[value="esd.alpha"]'
TERM = "#term"


@pytest.fixture
def phone(browser: Browser, served: str) -> Iterator[Watched]:
    """A page at the size of a phone, with touch."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    found = Watched(context.new_page(), served)
    yield found
    context.close()
    assert found.unexpected() == []


def is_inside(page: Page) -> bool:
    """Whether the explanation lies within the width of the window, and the page is no wider than it."""
    found: bool = page.evaluate(
        "() => { const box = document.querySelector('#term').getBoundingClientRect();"
        " return box.left >= 0 && box.right <= innerWidth && box.height > 60"
        " && document.documentElement.scrollWidth <= innerWidth }"
    )
    return found


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_opens_closes_and_comes_back(watched: Watched, report: str, key: str) -> None:
    page = watched.open(report)
    button = page.locator(ALPHA)
    page.locator('[data-sort="alpha"]').focus()
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    expect(button).to_have_accessible_name("About α, ± one standard error")
    page.keyboard.press(key)
    expect(page.locator(TERM)).to_be_visible()
    expect(page.locator(TERM)).to_be_focused()
    expect(page.locator(TERM)).to_have_accessible_name("α")
    expect(page.locator(f"{TERM} dt")).to_have_text(["Usual", "Caveat", "No value", "Source"])
    page.keyboard.press("Escape")
    expect(page.locator(TERM)).to_be_hidden()
    expect(button).to_be_focused()
    assert "sort" not in page.url  # the heading beside it did nothing


def test_a_second_press_closes_it_and_another_word_takes_its_place(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.locator(ALPHA).click()
    expect(page.locator(f"{TERM} h2")).to_have_text("α")
    page.locator(ALPHA).click()
    expect(page.locator(TERM)).to_be_hidden()
    page.locator('#rows thead button[value="shape"]').click()
    expect(page.locator(f"{TERM} h2")).to_have_text("Shape")
    page.locator(f"{TERM} button", has_text="Close").click()
    expect(page.locator('#rows thead button[value="shape"]')).to_be_focused()


def test_it_leads_to_its_place_in_the_glossary(watched: Watched, report: str) -> None:
    page = watched.open(report)
    page.locator('.kpis button[value="firm_fit"]').click()
    page.locator(f"{TERM} a", has_text="In the glossary").click()
    page.wait_for_url("**/help/glossary#firm_fit")
    expect(page.locator(".term:target h3")).to_contain_text("Firm fits in 2–6")


@pytest.mark.parametrize("selector", [ALPHA, '.kpis button[value="left_out"]', '#panel button[value="norms.sv_max"]'])
def test_a_tap_opens_it_within_a_narrow_screen(phone: Watched, report: str, selector: str) -> None:
    page = phone.open(report)
    page.locator(selector).first.tap()
    expect(page.locator(TERM)).to_be_visible()
    assert is_inside(page)
    page.touchscreen.tap(380, 5)  # beside it
    expect(page.locator(TERM)).to_be_hidden()


def test_the_lists_explain_themselves_on_a_phone(phone: Watched, report: str) -> None:
    page = phone.open("/checkpoints")
    page.locator('#checkpoints button[value="worst_finding"]').tap()
    expect(page.locator(f"{TERM} h2")).to_have_text("Worst finding")
    assert is_inside(page)


def test_without_scripts_the_word_leads_to_the_glossary(browser: Browser, served: str, report: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served + report)
    page.locator(ALPHA).click()
    page.wait_for_url("**/help/glossary#esd.alpha")
    context.close()


def test_the_keyboard_reads_what_a_cell_stands_for(watched: Watched, report: str) -> None:
    page = watched.open(report)
    tip = page.locator("#tip")
    page.locator("#health [data-color] select").focus()
    page.keyboard.press("Tab")
    while not page.evaluate("() => document.activeElement.matches('.cell')"):
        page.keyboard.press("Tab")
    said = page.evaluate("() => document.activeElement.title")
    expect(tip).to_be_visible()
    expect(tip).to_have_text(said)
    page.keyboard.press("ArrowDown")
    expect(tip).not_to_have_text(said)
    expect(tip).to_have_text(re.compile(r"^Block \d+ · .+: α \d+\.\d+$"))
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
