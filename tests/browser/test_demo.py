"""A newcomer: an empty service, its button, and a report."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from docs.browser import serve
from tests.browser.conftest import Watched


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[str]:
    """The address of a service that nobody has used."""
    with serve(tmp_path) as (address, _):
        yield address


@pytest.mark.parametrize(("width", "height", "script"), [(1440, 900, True), (390, 844, True), (390, 844, False)])
def test_the_button_leads_to_a_report(browser: Browser, empty: str, width: int, height: int, script: bool) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=script)
    watched = Watched(context.new_page(), empty)
    page = watched.open("/")
    expect(page.locator("#demo")).to_contain_text("A base and two updates")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Load the demo").click()
    expect(page).to_have_url(f"{empty}/runs/1")
    expect(page.locator("h1")).to_have_text(re.compile("all-MiniLM-L6-v2|Synthetic base"))
    if script:
        page.locator("#progress").wait_for(state="detached")
        expect(page.locator("#rows tbody tr").first).to_be_visible()
    page = watched.open("/")
    expect(page.locator("#runs li")).to_have_count(3)
    expect(page.locator("#demo")).to_have_count(0)
    assert watched.unexpected() == []
    context.close()
