"""Tables: filtered, sorted, and as CSV that means the same numbers and no formula."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from analysis.diagnostic import Measurement, Row, Table
from analysis.diagnostics import diagnostic
from analysis.weight import WeightInfo
from app.errors import UnknownColumn
from app.runs.tables import ABOUT, Selection, cell, header, records, scalars, select, to_csv


def row(name: str, alpha: float | None = 3.0, role: str = "q", depth: int | None = 0, **values: Any) -> Row:
    info = WeightInfo(name, name, 4, 8, 1, role, depth)
    return Row(info, (0,), Measurement({"alpha": alpha, **values}, {}, None if alpha else "too few eigenvalues"))


TABLE = Table(
    diagnostic("esd"),
    (
        row("b.q_proj", 7.5, depth=1),
        row("a.q_proj", 2.5),
        row("c.v_proj", None, "v", None),
        row("d.v_proj", 4.0, "v", 2),
    ),
)


def names(table: Table) -> list[str]:
    return [each.weight.name[0] for each in table.rows]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Selection(), "bacd"),
        (Selection(sort="alpha"), "adbc"),
        (Selection(sort="-alpha"), "bdac"),
        (Selection(sort="weight"), "abcd"),
        (Selection(sort="-depth"), "dbac"),
        (Selection(sort="rows"), "bacd"),
        (Selection(role="v"), "cd"),
        (Selection(depth=1), "b"),
        (Selection(text="V_PROJ"), "cd"),
        (Selection(text="block 2"), "d"),
        (Selection(group=(1,)), ""),
    ],
)
def test_rows_are_chosen_and_ordered(asked: Selection, expected: str) -> None:
    assert "".join(names(select(TABLE, asked))) == expected


@pytest.mark.parametrize(("selection", "expected"), [(Selection(flagged=True), "b"), (Selection(flagged=False), "ad")])
def test_exponents_of_firm_fits_alone_are_flagged(selection: Selection, expected: str) -> None:
    """A and b are outside the usual range, a by a fit that rests on little; d is inside it."""
    firm: dict[str, Any] = {"num_pl_spikes": 60, "num_evals": 256, "D": 0.05}
    rows = [row("a", 7.5, num_pl_spikes=9, num_evals=256, D=0.05), row("b", 7.5, **firm), row("d", 4.0, **firm)]
    large = tuple(replace(each, weight=replace(each.weight, rows=256, columns=512)) for each in rows)
    assert "".join(names(select(replace(TABLE, rows=large), selection))) == expected


@pytest.mark.parametrize("sort", ["--alpha", "eigenvalues", "nonsense", "-", " alpha"])
def test_an_unknown_column_is_said_with_those_there_are(sort: str) -> None:
    with pytest.raises(UnknownColumn, match="alpha"):
        select(TABLE, Selection(sort=sort))


def test_every_column_can_be_sorted_by() -> None:
    for name in (*ABOUT, *scalars(TABLE.diagnostic)):
        for sign in ("", "-"):
            assert sorted(names(select(TABLE, Selection(sort=sign + name)))) == ["a", "b", "c", "d"]


def test_csv_gives_back_the_exact_values() -> None:
    third = 1 / 3
    table = replace(TABLE, rows=(row("x", third, warning="over-trained", small_n=True), row("y", None)))
    text = "".join(to_csv(table))
    assert text.count("\r\n") == 3
    first, second = csv.DictReader(io.StringIO(text))
    assert list(first) == header(table)
    assert float(first["alpha"]) == third
    assert (first["weight"], first["rows"], first["columns"], first["group"]) == ("x", "4", "8", "0")
    assert (first["warning"], first["small_n"], first["sigma"]) == ("over-trained", "True", "")
    assert (second["alpha"], second["note"]) == ("", "too few eigenvalues")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x"])
def test_no_cell_is_a_formula(text: str) -> None:
    written = "".join(to_csv(replace(TABLE, rows=(row(text),))))
    assert next(csv.DictReader(io.StringIO(written, newline="")))["weight"] == "'" + text


def test_numbers_stay_numbers() -> None:
    written = "".join(to_csv(replace(TABLE, rows=(row("x", -2.0),))))
    assert next(csv.DictReader(io.StringIO(written)))["alpha"] == "-2.0"
    assert cell(row("x", -2.0), "alpha") == -2.0


def test_records_are_those_of_the_report() -> None:
    assert records(TABLE)[1]["alpha"] == 2.5
    assert records(TABLE)[1]["shape"] == [4, 8]


def test_names_and_labels_sort_with_their_numbers_as_numbers() -> None:
    table = replace(TABLE, rows=tuple(row(f"h.{block}.q_proj", depth=block) for block in (0, 1, 10, 11, 2)))
    for column in ("weight", "label"):
        found = select(table, Selection(sort=column))
        assert [each.weight.depth for each in found.rows] == [0, 1, 2, 10, 11]
