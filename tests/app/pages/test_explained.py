"""Every word that a page explains is in the glossary, and no heading keeps its explanation in a title."""

from collections.abc import Iterator

import pytest

from analysis.diagnostic import Scope
from analysis.diagnostics import DIAGNOSTICS
from analysis.glossary.terms import TERMS
from tests.app.pages.compared import compared
from tests.app.pages.reader import Page, read
from tests.service import Service, settings

ALL: dict[str, dict[str, object]] = {known.name: {} for known in DIAGNOSTICS if known.scope is Scope.ONE}
TASKS = ("well-trained", "broken-lora", "transfer", "what-to-prune")
WEIGHT = "model.layers.0.self_attn.q_proj.weight"
PATHS = (
    "/", "/checkpoints", "/checkpoints/1", "/runs/1", "/runs/2", f"/runs/2/layers?weight={WEIGHT}",
    "/compare/reports?of=2,3", "/scaling?of=1&of=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A comparison of three checkpoints, a report of one by every diagnostic, and a report of another."""
    service = Service(settings(tmp_path_factory.mktemp("filled")))
    compared(service)
    service.run(1, diagnostics=ALL)
    service.run(2)
    service.work()
    yield service
    service.close()


def explained(page: Page) -> list[str]:
    """The terms whose buttons the page has."""
    return [button.attributes.get("value") or "" for button in page.all("button", form="terms")]


@pytest.mark.parametrize("path", PATHS)
def test_what_a_page_explains_is_in_the_glossary(filled: Service, path: str) -> None:
    answer = filled.client.get(path)
    names = explained(read(answer.text))
    assert answer.status_code == 200
    assert names
    assert set(names) <= set(TERMS)


@pytest.mark.parametrize("path", PATHS)
def test_no_heading_keeps_its_explanation_in_a_title(filled: Service, path: str) -> None:
    page = read(filled.client.get(path).text)
    named = [each for each in page.elements if each.tag in ("th", "dt", "label", "button")]
    titles = [each.attributes.get("title") or each.text for each in named]
    assert titles == [each.text for each in named]  # a name that is cut may be read in full


def test_every_column_that_a_report_can_show_is_explained(filled: Service) -> None:
    columns = {
        f"{known.name}.{c.name}"
        for known in DIAGNOSTICS
        if known.name in ALL
        for c in known.columns
        if c.kind != "curve"
    }
    page = read(filled.client.get("/runs/2").text)
    assert columns <= set(explained(page))
    assert columns <= set(explained(read(filled.client.get(f"/runs/2/layers?weight={WEIGHT}").text)))


def test_every_heading_of_the_layers_is_explained(filled: Service) -> None:
    page = read(filled.client.get("/runs/2", params={"columns": ["alpha", "rank", "tau"]}).text)
    keys = [head.attributes["data-name"] for head in page.all("th") if "data-name" in head.attributes]
    said = {button.attributes.get("aria-label") for button in page.all("button", class_="ask")}
    assert keys == ["layer", "shape", "alpha", "rank", "tau"]
    titles = ("Layer", "Shape", "α, ± one standard error", "Rank as stored", "τ Spectrum")
    assert {f"About {title}" for title in titles} <= said


@pytest.mark.parametrize(("path", "names"), [
    ("/runs/1", {"broken-lora", "what-to-prune"}),
    ("/runs/2", {"well-trained", "what-to-prune"}),
])  # fmt: skip
def test_a_report_leads_to_the_pages_of_its_tasks(filled: Service, path: str, names: set[str]) -> None:
    page = read(filled.client.get(path).text)
    assert {name for name in TASKS if page.all("a", href=f"/help/{name}")} == names


def test_a_field_of_a_fact_is_named_by_its_own_label(filled: Service) -> None:
    page = read(filled.client.get("/checkpoints/1").text)
    assert page.one("label", for_="fact-width").text == "Width"
    assert page.one("input", id="fact-width").attributes["name"] == "width"
