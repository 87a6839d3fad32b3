"""A layer beside those of its role, and beside itself in other reports."""

from dataclasses import replace

import pytest

from analysis.diagnostic import Finding, Severity
from analysis.findings.causes import RANDOM
from app.models import Check, Checkpoint
from app.pages.reports.layer_view import LayerPage, mark, signed
from app.runs.elsewhere import Seen
from frontend import states
from tests.app.pages.views.made import view


def page(seen: tuple[Seen, ...] = (), check: Check | None = None) -> LayerPage:
    report = view()
    return LayerPage(report, report.tables[0].rows[0].weight.name, seen, check)


def test_neighbours_are_those_of_the_same_role() -> None:
    found_page = page()
    names = [row.weight.name for row in found_page.tables[0].rows if row.weight.role == found_page.info.role]
    assert [neighbour.name for neighbour in found_page.neighbours] == names
    assert [neighbour.current for neighbour in found_page.neighbours].count(True) == 1
    before, after = found_page.before_and_after
    assert before is None
    assert after is not None


def test_of_a_finding_on_its_block_a_layer_shows_its_own_part(monkeypatch: pytest.MonkeyPatch) -> None:
    found_page = page()
    own = Finding(Severity.BAD, "own", "", (found_page.weight,), {}, RANDOM)
    other = Finding(Severity.BAD, "other", "", ("other.weight",), {}, RANDOM)
    block = Finding(Severity.BAD, "block", "", (*own.weights, *other.weights), {}, RANDOM, (own, other))
    monkeypatch.setitem(vars(found_page.report), "verdict", replace(found_page.report.verdict, findings=(block, other)))
    assert found_page.findings == [own]


def test_another_report_shows_its_difference() -> None:
    found_page = page()
    row = next(iter(found_page.rows.values()))[1]
    name = found_page.tables[0].diagnostic.name
    other = Seen(9, 0, Checkpoint(id=4, name="later", facts={"step": 5}, stated={}), {name: row})
    found = page((other,)).others
    assert [(one.name, one.step, one.current) for one in found] == [("later", "5", False)]
    assert found[0].values[0][1] == "0"


def test_a_check_tells_where_the_two_differ() -> None:
    found_page = page()
    diagnostic = found_page.tables[0].diagnostic
    column = {"diagnostic": diagnostic.name, "column": diagnostic.columns[0].name, "ours": 1.0, "theirs": 2.0}
    check = Check(
        state="done", columns=[{**column, "agrees": False}, {**column, "diagnostic": "other", "agrees": True}]
    )
    assert [line.look for line in page(check=check).check_lines] == [states.DIFFERS]
    assert page(check=check).differing == 1


def test_signs_and_marks() -> None:
    assert [signed(value) for value in (0.5, -2.0, 0.0)] == ["+0.500", "−2.00", "0"]
    table, row = next(iter(page().rows.values()))
    assert mark(table.diagnostic.columns[0], row) in ("", "▼", "▲")
