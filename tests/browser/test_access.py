"""The page on which tokens are made: what it shows once can be copied, and does what it says."""

import json
from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched, copied, told

NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"


def make(page: Page, name: str) -> None:
    page.locator('[name="name"]').first.fill(name)
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#made")).to_contain_text("esc_")


def test_a_new_token_is_copied_and_is_good(watched: Watched) -> None:
    page = watched.open("/access")
    make(page, "copied")
    token = copied(page, "#made [data-copy]")
    asked = Request(f"{watched.base}/api/v1/checkpoints", headers={"authorization": f"Bearer {token}"})
    with urlopen(asked) as answer:
        assert isinstance(json.load(answer), list | dict)
    expect(page.locator("#tokens")).to_contain_text(token.rsplit("_", 1)[0])


def test_without_a_clipboard_the_text_is_selected(watched: Watched) -> None:
    """Browsers give plain http from another machine no clipboard."""
    watched.page.add_init_script(NO_CLIPBOARD)
    page = watched.open("/access")
    make(page, "selected")
    for _ in range(2):
        told(page, "#made [data-copy]", "Selected: press Ctrl C")
    assert page.evaluate("getSelection().toString().trim()") == page.locator("#token").inner_text()
    expect(page.locator("#made [data-copy]")).to_have_text("Copy")  # after however many clicks
