"""A long report in parts: every tensor in exactly one, and each part as the whole has it."""

import pytest

from analysis.diagnostic import Row
from app.lists import parts
from app.models import Run
from app.runs import reports
from tests.service import Service


def parts_of(service: Service) -> list[range]:
    with service.database.reading() as session:
        return parts.parts_of(session, session.get_one(Run, 1))


def told(row: Row) -> tuple[object, ...]:
    return row.weight, row.group, row.measurement.values, row.measurement.note


def test_a_report_that_fits_a_page_is_whole(analysed: Service) -> None:
    assert parts_of(analysed) == []


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_each_layer_is_in_one_part_with_few_others(
    analysed: Service, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST", most)
    found = parts_of(analysed)
    assert found[0].start == 0
    assert [one.stop for one in found[:-1]] == [one.start for one in found[1:]]
    with analysed.database.reading() as session:
        whole = reports.report(session, 1)
        each = [reports.report(session, 1, part) for part in found]
        names = [row.weight.name for row in whole.tables[0].rows]
        wanted = [
            next(place for place, one in enumerate(each) if any(r.weight.name == name for r in one.tables[0].rows))
            for name in names
        ]
        run = session.get_one(Run, 1)
        assert [parts.place_of(session, run, found, name) for name in names] == wanted
        assert parts.place_of(session, run, found, "nothing") is None
    for place, table in enumerate(whole.tables):
        assert [told(row) for one in each for row in one.tables[place].rows] == [told(row) for row in table.rows]
        assert {name for one in each for row in one.tables[place].rows for name in row.measurement.curves} == {
            name for row in table.rows for name in row.measurement.curves
        }
    assert max(len(one.tables[0].rows) for one in each) == most
    assert sum(one.coverage.analysed for one in each) == whole.coverage.analysed == 5


def test_as_many_as_fit_are_one_part(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST", 5)  # of seven tensors five have rows
    assert parts_of(analysed) == []
