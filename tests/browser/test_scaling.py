"""A reader's way through width scaling: four little models, their facts, the report, a recipe for another width."""

import json
import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from safetensors.torch import save

from tests import families
from tests.browser.conftest import Watched, copied
from tests.browser.test_comparison import send

RULE = "λ constant"
DRAWN = "() => document.querySelectorAll('[data-figure][aria-busy=true]').length === 0"


@dataclass(frozen=True)
class Found:
    """The report's path, and the ids of its models."""

    path: str
    ids: tuple[int, ...]


def fill(page: Page, ids: tuple[int, ...]) -> None:
    for identity, given in zip(ids, families.settings(RULE), strict=True):
        for name, value in families.facts(given).items():
            page.locator(f"[name='{identity}.{name}']").fill(f"{value}")


@pytest.fixture(scope="module")
def found(browser: Browser, served: str) -> Found:
    """Uploaded by a program, chosen and told about through the page."""
    made = families.settings(RULE)
    ids = tuple(send(served, f"d{given.width:g}", {"model.safetensors": save(families.model(given))}) for given in made)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    watched = Watched(context.new_page(), served)
    page = watched.open("/scaling")
    for _ in range(240):  # until they are read
        if all(page.locator(f"[data-checkpoint='{identity}']").count() for identity in ids):
            break
        page.wait_for_timeout(500)
        page.reload()
    for identity in ids:
        page.locator(f"[data-checkpoint='{identity}'] input").check()
    page.get_by_role("button", name="Next: their facts").click()
    fill(page, ids)
    page.get_by_role("button", name="Save facts and check").click()
    page.wait_for_url("**/runs/*")
    page.locator("#progress").wait_for(state="detached")
    path = page.url.removeprefix(served)
    context.close()
    assert watched.unexpected() == []
    return Found(path, ids)


def test_the_report_answers_draws_and_counts(watched: Watched, found: Found) -> None:
    page = watched.open(found.path)
    expect(page.locator("#verdict b")).to_have_text("Nearly.")
    expect(page.locator("#exponents tbody tr").first).to_contain_text("0.75")
    assert page.locator(".plot.widths").count() == 7
    page.locator("#fits").scroll_into_view_if_needed()
    expect(page.locator(".plot.widths .plot-container").first).to_be_visible()
    label = page.locator(".plot.widths").first
    expect(label).to_have_attribute("aria-label", re.compile("query 0.75; the reference has 0.75"))


def test_the_other_picture_comes_without_a_new_page(watched: Watched, found: Found) -> None:
    page = watched.open(found.path)
    page.get_by_role("link", name="σ₁ itself").click()
    expect(page.locator("#fits h2")).to_have_text("σ₁ itself")
    expect(page.locator("#pairs p").first).to_contain_text("At 1.00 settings transfer")
    expect(page.locator("#pairs tbody td").last).to_have_text("1.32!")
    assert "view=drift" in page.url
    page.reload()
    expect(page.locator("#fits h2")).to_have_text("σ₁ itself")


def test_a_recipe_for_another_width_is_copied(watched: Watched, found: Found) -> None:
    page = watched.open(found.path)
    page.locator("[name=target]").fill("128")
    expect(page.locator("#recipe-python")).to_contain_text("# width 128, from width 16")
    text = copied(page, "[data-copy='#recipe-python']")
    assert '{"params": matrices, "lr": 0.005, "weight_decay": 5.65685},' in text
    page.get_by_text("As JSON").click()
    assert json.loads(copied(page, "[data-copy='#recipe-json']"))["width"] == 128
    assert "target=128" in page.url


def test_facts_are_edited_and_the_report_follows(watched: Watched, found: Found) -> None:
    page = watched.open(found.path)
    page.get_by_role("link", name="Edit facts").click()
    field = page.locator(f"[name='{found.ids[0]}.weight_decay']")
    field.fill("heavy")
    watched.expected.append("422")
    page.get_by_role("button", name="Save facts and show the report").click()
    expect(page.locator("#wrong")).to_contain_text("The facts were not saved")
    expect(page.locator(f"[name='{found.ids[0]}.weight_decay']")).to_have_value("heavy")
    page.locator(f"[name='{found.ids[0]}.weight_decay']").fill("0")
    page.get_by_role("button", name="Save facts and show the report").click()
    page.wait_for_url(f"**{found.path}")
    expect(page.locator("#findings")).to_contain_text("trained without weight decay")
    page.get_by_role("link", name="Edit facts").click()
    fill(page, found.ids)
    page.get_by_role("button", name="Save facts and show the report").click()
    expect(page.locator("#findings")).not_to_contain_text("without weight decay")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_is_wider_than_the_screen(browser: Browser, served: str, found: Found, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    watched = Watched(context.new_page(), served)
    chosen = "&".join(f"of={identity}" for identity in found.ids)
    for path in (found.path, f"{found.path}?view=drift", f"/scaling?{chosen}", f"/checkpoints/{found.ids[0]}"):
        page = watched.open(path)
        height = page.evaluate("document.documentElement.scrollHeight")
        for top in range(0, height, 700):
            page.evaluate(f"scrollTo(0, {top})")
            page.wait_for_timeout(60)
        page.wait_for_function(DRAWN)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()
    assert watched.unexpected() == []
