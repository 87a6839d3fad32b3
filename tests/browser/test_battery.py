"""Every diagnostic, asked for through the chooser's form, and every figure that comes of it."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.pages.chooser import OFFERED
from tests.browser.conftest import Watched
from tests.browser.test_uploads import post
from tests.service import model


def settled(page: Page) -> int:
    """Scrolls to every figure in turn; the number of them, all drawn and none empty."""
    places = page.locator("[data-figure]:visible")
    for place in places.all():
        place.scroll_into_view_if_needed()
        expect(place.locator(".main-svg").first).to_be_visible()
        expect(place.locator(".plot-container .trace, .plot-container .heatmaplayer image").first).to_be_attached()
    expect(page.locator(".plot[aria-busy]:visible")).to_have_count(0)
    expect(page.locator(".plot .none:visible")).to_have_count(0)
    return places.count()


def test_every_diagnostic_through_the_form(watched: Watched) -> None:
    sent = post(watched, "/api/v1/checkpoints?filename=battery.safetensors", model(layers=2))
    page = watched.open(f"/checkpoints/{sent['id']}")
    expect(page.locator("#tensors")).to_be_visible()
    page.locator("#chooser > summary").click()
    for box in page.locator('#chooser input[name="diagnostic"]').all():
        box.check()
    for option in page.locator("#chooser .options summary").all():
        option.click()
    page.locator('[name="farms.sweep"]').check()
    page.locator('[name="random_matrix.replicas"]').fill("2")
    page.get_by_role("button", name="Analyse with these").click()
    page.wait_for_url("**/runs/*")
    page.locator("#progress").wait_for(state="detached")
    said_above = ("esd", "entries")
    others = [diagnostic.title for diagnostic in OFFERED if diagnostic.name not in said_above]
    expect(page.locator("#sayings dt")).to_have_text(others)
    for details in page.locator("#panel details:not(.menu)").all():
        details.locator("> summary").click()
    assert settled(page) >= 7  # depth, shape bias, two spectra, cut-off, sweep, vectors
    for tab in ("flow", "distribution"):
        page.locator(f'[data-view="{tab}"]').click()
        expect(page.locator(f'#picture [data-figure*="{tab}"]')).to_be_visible()
        settled(page)
    for key in ("num_above_random", "ERG_gap_share", "aspect_bias", "signal_energy", "left_peak", "rank_loss"):
        page.locator("[data-color] select").select_option(key)
        expect(page.locator(f'#picture [data-figure*="{key}"]')).to_be_visible()
        settled(page)


@pytest.mark.parametrize("width", [390, 1440])
def test_without_a_script_the_form_asks_and_tells(watched: Watched, tmp_path: Path, width: int) -> None:
    sent = post(watched, "/api/v1/checkpoints?filename=plain.safetensors", model(layers=1))
    assert watched.page.context.browser is not None
    context = watched.page.context.browser.new_context(
        java_script_enabled=False, viewport={"width": width, "height": 844}
    )
    page = context.new_page()
    page.goto(f"{watched.base}/checkpoints/{sent['id']}")
    page.locator("#chooser > summary").click()
    for box in page.locator('#chooser input[name="diagnostic"]').all():
        box.uncheck()
    page.get_by_role("button", name="Analyse with these").click()
    expect(page.locator("#chooser .callout")).to_have_text("Choose at least one diagnostic.")
    page.locator('#chooser input[value="snr"]').check()
    page.get_by_role("button", name="Analyse with these").click()
    assert "/runs/" in page.url
    expect(page.locator(".head")).to_contain_text("Signal to noise")
    context.close()
