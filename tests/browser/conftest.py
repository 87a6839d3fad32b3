"""The real service and a real browser: `eigenscope serve` in a folder of its own, and the system's chromium."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from docs.browser import FLAGS, chromium, serve
from tests.conftest import missing

PATIENCE = 120_000  # ms; Playwright's own 5 and 30 s are not enough on a busy machine
expect.set_options(timeout=PATIENCE)
WATCH = (
    "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective + ' ' + e.sample))"
)


@dataclass
class Watched:
    """A page, and everything that it did and should not have done."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)  # patterns of errors that a test provokes

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(WATCH)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.base:
            self.faults.append(f"request to {request.url}")

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(re.search(pattern, fault) for pattern in self.expected)]


def told(page: Page, button: str, words: str) -> None:
    """Clicks a button and waits for what it says: for good to a screen reader, on itself for a moment only."""
    page.evaluate("() => { document.querySelector('#say').textContent = '' }")
    page.locator(button).click()
    expect(page.locator("#say")).to_have_text(words)


def copied(page: Page, button: str) -> str:
    """What a button copies, once it says that it has."""
    told(page, button, "Copied")
    found: str = page.evaluate("navigator.clipboard.readText()")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        missing("no chromium: install it, or name it in EIGENSCOPE_CHROMIUM")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running service."""
    with serve(tmp_path_factory.mktemp("served")) as (address, _):
        yield address


@pytest.fixture
def watched(browser: Browser, served: str) -> Iterator[Watched]:
    """A page at desktop size, watched: a request elsewhere, a violation or an error in the console fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served)
    found = Watched(context.new_page(), served)
    yield found
    context.close()
    assert found.unexpected() == []


@pytest.fixture(scope="session")
def report(browser: Browser, served: str, minilm: Path) -> str:
    """The path of the report of MiniLM, uploaded through the page as a reader does it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    watched = Watched(context.new_page(), served)
    page = watched.open("/")
    page.locator("#files").set_input_files(minilm)
    page.wait_for_url("**/runs/*")
    page.locator("#progress").wait_for(state="detached")
    path = urlsplit(page.url).path
    context.close()
    assert watched.unexpected() == []
    return path
