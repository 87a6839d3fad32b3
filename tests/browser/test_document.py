"""A report in one file, opened from the disk with no network: figures alive, nothing asked for, no name a script."""

from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, Request, expect

from analysis.coverage import Coverage
from analysis.report import Report
from app.cli.main import main
from frontend.document.report import write
from tests.browser.conftest import PATIENCE, WATCH
from tests.browser.test_take import COUNT
from tests.frontend.examples import power_law, row, table

EVIL = "</script><script>window.pwned = 1</script><img src=x onerror=window.pwned=1>%{x}"


def leaves(request: Request) -> bool:
    """Whether it asks for anything but the file itself, or what the page has made (a picture to save)."""
    return not request.is_navigation_request() and not request.url.startswith(("data:", "blob:"))


@pytest.fixture
def offline(browser: Browser) -> Iterator[Page]:
    """A page without a network; what it asks for beside the file itself, and what it complains of, fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light", offline=True)
    page, faults = context.new_page(), list[str]()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(WATCH)
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if leaves(request) else None)
    yield page
    context.close()
    assert faults == []


@pytest.fixture(scope="module")
def saved(served: str, report: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the file of MiniLM's report."""
    file: Path = tmp_path_factory.mktemp("saved") / "report.html"
    with urlopen(f"{served}/api/v1{report}/report.html") as answer:
        file.write_bytes(answer.read())
    return file.as_uri()


def test_figures_are_alive_without_a_network(offline: Page, saved: str) -> None:
    offline.goto(saved)
    for plot in offline.locator("[data-drawing]").all():
        plot.scroll_into_view_if_needed()
        expect(plot.locator(".main-svg").first).to_be_visible()
    expect(offline.locator(".plot[aria-busy]")).to_have_count(0)
    point = offline.locator(".plot.depth .scatterlayer path.point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    offline.mouse.move(*middle)
    expect(offline.locator(".plot.depth .hoverlayer .hovertext").first).to_contain_text("Block 0")
    offline.mouse.click(*middle)
    expect(offline.locator("#raw")).to_contain_text("encoder.layer.0.")
    expect(offline.locator("#drawings .density .main-svg").first).to_be_visible()


def test_the_file_of_the_command_line_is_alive_too(offline: Page, minilm: Path, tmp_path: Path) -> None:
    file = tmp_path / "minilm.html"
    result = CliRunner().invoke(main, ["analyze", str(minilm), "--html", str(file)])
    assert result.exit_code == 0, result.output
    offline.goto(file.as_uri())
    expect(offline.locator("h1")).to_have_text(minilm.parent.name)
    expect(offline.locator(".plot .main-svg").first).to_be_visible()
    offline.locator("tr[data-key]", has_text="Block 0 · MLP up").click()
    expect(offline.locator("#raw")).to_have_text("encoder.layer.0.intermediate.dense.weight")
    expect(offline.locator("#drawings .density text", has_text="slope −2.48")).to_be_visible()


def test_a_row_shows_its_layer_and_a_heading_sorts(offline: Page, saved: str) -> None:
    offline.goto(saved)
    offline.locator("tr[data-key]", has_text="Block 0 · MLP up").click()
    expect(offline.locator("#raw")).to_have_text("encoder.layer.0.intermediate.dense.weight")
    expect(offline.locator("#drawings .density text", has_text="slope −2.48")).to_be_visible()
    alpha = offline.locator("thead button", has_text="α").first
    alpha.focus()
    offline.keyboard.press("Enter")
    expect(offline.locator("tr[data-key] th").first).to_have_text("Pooler")
    cells = offline.locator("tr[data-key] td:nth-child(3)").all_text_contents()
    values = [float(text) for text in cells if text != "–"]
    assert values == sorted(values, reverse=True)
    assert cells[len(values) :] == ["–"] * (len(cells) - len(values))


def test_figures_are_saved_and_printed(offline: Page, saved: str) -> None:
    offline.goto(saved)
    with offline.expect_download(timeout=PATIENCE) as waiting:  # of a figure that nobody has scrolled to
        offline.evaluate("document.querySelector('#drawings [data-save=png]').click()")
    assert waiting.value.suggested_filename.endswith("-pooler.dense.weight-Eigenvalue-spectrum.png")
    assert waiting.value.path().read_bytes()[:4] == b"\x89PNG"
    assert offline.locator(".plot .main-svg:first-child").count() < offline.locator(".plot").count()
    offline.evaluate(COUNT)
    offline.pdf(format="A4")
    assert offline.evaluate("window.onPaper") == [True] * offline.locator(".plot").count()


def test_on_paper_every_column_is_there(offline: Page, saved: str) -> None:
    offline.goto(saved)
    columns = offline.locator("#main .grid thead tr:last-child th").count()
    offline.evaluate("dispatchEvent(new Event('beforeprint'))")
    heads = offline.locator("#main .grid:visible thead tr:last-child")
    titles = [heads.nth(at).locator("th").all_inner_texts() for at in range(heads.count())]
    assert len(titles) > 1
    assert {first for first, *_ in titles} == {"Layer"}
    assert sum(len(others) for _, *others in titles) == columns - 1
    wide = "(tables) => tables.filter((table) => table.offsetWidth > table.parentElement.clientWidth + 1).length"
    assert offline.eval_on_selector_all("#main .grid", wide) == 0


def test_the_dark_theme_follows_the_system(offline: Page, saved: str) -> None:
    offline.goto(saved)
    tick = offline.locator(".plot.depth .xtick text").first
    tick.scroll_into_view_if_needed()
    light = tick.evaluate("node => getComputedStyle(node).fill")
    offline.emulate_media(color_scheme="dark")
    expect(tick).not_to_have_css("fill", light)
    assert offline.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 22)"


def test_names_run_no_script(offline: Page, tmp_path: Path) -> None:
    (first,) = power_law().rows
    rows = [row(EVIL, note=EVIL, curves=first.measurement.curves, steepness=3.0, doubt=0.1, gap=0.01, start=1.0)]
    covered = Coverage(tensors=1, analysed=1, parameters=1, analysed_parameters=1, skipped=())
    file = tmp_path / "evil.html"
    file.write_text(write(Report(covered, (table(rows),), (EVIL,)), EVIL, "1"), encoding="utf-8")
    offline.goto(file.as_uri())
    offline.locator("#drawings .density").scroll_into_view_if_needed()
    expect(offline.locator("#drawings .main-svg").first).to_be_visible()
    expect(offline.locator("h1")).to_have_text(EVIL)
    expect(offline.locator("#raw")).to_have_text(EVIL)
    assert offline.evaluate("window.pwned === undefined")
    assert offline.locator("img").count() == 0
