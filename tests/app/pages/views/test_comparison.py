"""The page of a comparison, held against the API and the numbers that were put in."""

import re
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import save

from analysis.coverage import Coverage
from analysis.diagnostic import Severity
from app.pages.rendering import ENVIRONMENT
from app.pages.views.comparison import ComparisonView, compares
from app.pages.views.state import ShownColumns, State
from tests.app.pages.compared import compared, tensors
from tests.app.pages.reader import Page, read, words
from tests.frontend.examples import blocks
from tests.frontend.pairs import both, pair, table
from tests.service import Service, settings

COVERED = Coverage(2, 2, 10, 10, ())
QUERY = "model.layers.1.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with the finished comparison 1."""
    made = Service(settings(tmp_path_factory.mktemp("compared")))
    compared(made)
    yield made
    made.close()


def view(**shown: object) -> ComparisonView:
    return ComparisonView([both()], COVERED, State(5, ShownColumns.model_validate(shown)), moving=False)


def page_of(service: Service, path: str = "/runs/1", **parameters: str) -> Page:
    answer = service.client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text[:500]
    return read(answer.text)


def cells(page: Page) -> dict[tuple[str, str], int]:
    """(place in the run, weight) -> the count in its cell."""
    found = [a for a in page.all("a") if "data-number" in a.attributes]
    return {
        (a.attributes["data-position"] or "", a.attributes["data-pick"] or ""): int(a.attributes["data-number"] or "")
        for a in found
    }


def test_only_tables_that_compare_make_a_comparison() -> None:
    assert compares([blocks(), both()])
    assert not compares([blocks()])


def test_the_verdict_names_everyone_the_most_first(done: Service) -> None:
    page = page_of(done)
    said = words(page.one("p", class_="verdict"))
    assert said.startswith("sharp adds 6 intruder dimensions in 2 of 4 matrices")
    assert said.endswith("soft adds no intruder dimension in 4 matrices.")
    assert page.one("h1").text == "What did the fine-tunes change?"
    chips = [words(chip) for chip in page.all("a", class_="chip")]
    assert chips == ["base base", "sharp", "soft"]
    findings = page.one("section", id="findings").text
    for finding in done.get("/api/v1/runs/1/report")["findings"]:
        assert finding["text"] in findings


def test_cells_and_totals_are_the_counts_of_the_api(done: Service) -> None:
    page = page_of(done)
    rows = done.get("/api/v1/runs/1/tables/intruders")["rows"]
    assert cells(page) == {(str(row["group"][-1]), row["weight"]): row["count"] for row in rows}
    totals = {e.attributes["data-total"]: int(e.text) for e in page.all("span") if "data-total" in e.attributes}
    assert totals == {"1": 6, "2": 0}
    side = words(page.one("section", id="contrast"))
    assert "Intruder dimensionsamong the 10 strongest directions of each matrix" in side
    assert re.search(r"sharp 6\b.*soft 0\b", side)  # a row for each


def test_few_pairs_stand_below_the_tuned_and_many_beside_the_findings(service: Service) -> None:
    base = compared(service)["base"]
    few = page_of(service)
    ids = [element.attributes.get("id") for element in few.elements]
    assert ids.index("contrast") < ids.index("between") < ids.index("findings")
    assert few.one("section", id="findings").attributes["class"] == "card stretch"
    assert len(few.all("div", class_="scroll pin")) >= 2  # names stay in view beside what scrolls
    for seed in (1, 2):
        noise = torch.Generator().manual_seed(seed)
        changed = {name: value + 0.1 * torch.randn(value.shape, generator=noise) for name, value in base.items()}
        service.send(f"more {seed}", {"model.safetensors": save(changed)})
    service.work()
    run = service.run(1, 2, 3, 4, 5)["id"]
    service.work()
    many = read(service.client.get(f"/runs/{run}").text)
    ids = [element.attributes.get("id") for element in many.elements]
    assert ids.index("contrast") < ids.index("findings") < ids.index("between")
    assert many.one("section", id="findings").attributes["class"] == "card stretch c7"


def test_the_matrix_with_the_most_is_looked_at_first(done: Service) -> None:
    page = page_of(done)
    chosen = [a for a in page.all("a", aria_current="true") if "data-at" in a.attributes]
    assert len(chosen) == 1
    assert chosen[0].attributes["data-number"] == "3"
    assert (
        "3 of the 10 strongest directions of Block 0 · query are intruders after sharp; the strongest ranks"
        in words(page.one("p", id="said"))
    )


def test_another_matrix_and_checkpoint_are_in_the_address(done: Service) -> None:
    for path in ("/runs/1", "/runs/1/matrix"):
        page = page_of(done, path, weight=QUERY, position="2")
        assert words(page.one("p", id="said")).startswith("No intruder among the 10 strongest directions of Block 1")
        figures = [e.attributes["data-figure"] or "" for e in page.elements if "data-figure" in e.attributes]
        assert f"/api/v1/runs/1/figures/intruders/match?weight={QUERY}&position=2" in figures
        for address in figures:
            assert done.client.get(address).json()["data"]
    assert done.client.get("/runs/1/matrix", params={"position": "9"}).status_code == 404


@pytest.mark.parametrize("kind", ["", "depth", "flow", "distribution"])
@pytest.mark.parametrize("color", ["relative_norm", "left_overlap", "count"])
def test_any_column_in_any_picture(done: Service, color: str, kind: str) -> None:
    page = page_of(done, "/runs/1/cells", color=color, view=kind)
    (chosen,) = [option for option in page.all("option") if "selected" in option.attributes]
    assert chosen.attributes["value"] == color
    groups = 1 if color == "left_overlap" else 2
    if kind:
        figures = [e.attributes["data-figure"] or "" for e in page.all("div", role="img")]
        assert len(figures) == groups
        for address in figures:
            assert done.client.get(address).json()["data"], address
    else:
        assert len(page.all("table")) == groups


def test_the_table_sorts_and_filters_as_the_address_says(done: Service) -> None:
    rows = done.get("/api/v1/runs/1/tables/update", sort="-relative_norm", group="0,1")["rows"]
    page = page_of(done, sort="-relative_norm.1")
    shown = [row.attributes["data-key"] for row in page.all("tr") if "data-key" in row.attributes]
    assert shown == [row["weight"] for row in rows]
    page = page_of(done, q="query")
    hidden = [row for row in page.all("tr") if "data-key" in row.attributes and "hidden" in row.attributes]
    assert len(hidden) == 2
    page = page_of(done, columns="alpha_shift")
    heads = [head.attributes["data-name"] for head in page.all("th") if "data-name" in head.attributes]
    assert heads == ["layer", "alpha_shift.1", "alpha_shift.2"]


def test_every_two_updates_stand_beside_each_other(done: Service) -> None:
    between = words(page_of(done).one("section", id="between"))
    row = done.get("/api/v1/runs/1/report")["summary"]["overlap"]["groups"][0]
    assert "sharpsoft" in between
    assert f"{100 * row['left_overlap']:.2g}" in between


def test_a_run_that_also_looks_at_each_by_itself_has_two_pages(done: Service) -> None:
    path = f"/runs/{done.run(1, 2, 3, diagnostics={'intruders': {}, 'norms': {}})['id']}"
    done.work()
    page = page_of(done, path)
    assert [a.attributes["href"] for a in page.all("a") if words(a) == "Each by itself"] == [f"{path}?alone=True"]
    alone = page_of(done, path, alone="true", position="1")
    assert alone.one("section", id="layers")
    assert not alone.all("section", id="where")
    assert {a.attributes["href"] for a in alone.all("a")} >= {path, f"{path}?position=2&alone=True"}


def test_while_it_runs_what_is_done_is_shown(done: Service) -> None:
    path = f"/runs/{done.run(1, 2, 3)['id']}"
    page = page_of(done, path)
    assert page.one("section", id="progress")
    assert page.one("div", id="soon")
    assert done.client.get(f"{path}/cells").status_code == 404
    done.work()


def test_unmatched_tensors_are_listed_with_their_reasons(done: Service) -> None:
    part = {name: tensor for name, tensor in tensors()["sharp"].items() if "q_proj" in name}
    part["extra.weight"] = part[QUERY].clone()
    sent = done.upload(save(part), filename="part.safetensors")
    done.work()
    path = f"/runs/{done.run(1, sent['id'])['id']}"
    done.work()
    page = page_of(done, path)
    assert page.one("h1").text == "What did the fine-tune change?"
    coverage = words(page.one("div", id="coverage"))
    assert "extra.weight" in coverage
    assert "2 matrices of the base without a partner" in coverage
    assert "not in this checkpoint" in coverage


def test_the_findings_of_a_page_are_worst_first(done: Service) -> None:
    text = page_of(done).one("section", id="findings").text
    found = done.get("/api/v1/runs/1/report")["findings"]
    shown = sorted(found, key=lambda finding: text.index(finding["text"]))
    ranks = [list(Severity).index(finding["severity"]) for finding in shown]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1
    said = page_of(done).one("p", class_="verdict").text
    assert any(finding["text"] in said for finding in found if finding["severity"] != "note")


def test_a_table_made_by_hand() -> None:
    found = view()
    assert [look.name for look in found.tuned] == ["LoRA r = 1", "full"]
    assert found.sentences == ["One adds them. The other does not."]
    assert (found.weight, found.one.position, found.table.sort) == ("layers.1.k", 1, "-strangers.1")
    assert [line.title for line in found.contrast.lines] == ["Strangers", "Matrices"]
    assert len(found.sweeps) == 1
    assert found.series == []  # two make none
    assert found.findings == []


def test_a_series_needs_three_or_known_steps() -> None:
    names = ("base", "a", "b", "c")
    rows = [pair("layers.0.q", tuned) for tuned in (1, 2, 2)]
    three = ComparisonView([table(rows, names)], COVERED, State(5, ShownColumns()), moving=False)
    assert len(three.series) == 1
    stepped = ComparisonView([both()], COVERED, State(5, ShownColumns()), moving=False, stepped=True)
    assert len(stepped.series) == 1


def test_a_model_of_a_hundred_blocks_becomes_compact() -> None:
    roles = ("q", "k", "v", "o", "gate", "up", "down")
    rows = [
        pair(f"layers.{depth}.{role}", tuned, role=role, depth=depth)
        for tuned in (1, 2)
        for depth in range(100)
        for role in roles
    ]
    found = ComparisonView([table(rows)], COVERED, State(5, ShownColumns()), moving=False)
    text = ENVIRONMENT.get_template("parts/cells_only.html").render(report=found, page="")
    page = read(text)
    assert len(page.all("table", class_="heat dense")) == 2
    assert len(cells(page)) == 1400
    assert found.where.grid_columns == 1
