"""Which rows are listed, and in which order."""

import click
import pytest

from analysis.diagnostic import Measurement, Row, Severity
from analysis.diagnostics import DIAGNOSTICS
from analysis.weight import WeightInfo
from app.cli.listing.order import MOST, Choice, Rows, check_sort, mark_weights, pick, sortable_columns


def row(name: str, value: float | None) -> Row:
    return Row(WeightInfo(name, name, 2, 2, 1, "other", None), (0,), Measurement({"alpha": value}))


def rows(*values: float | None) -> Rows:
    return {((0,), f"w{n}"): {"esd": row(f"w{n}", value)} for n, value in enumerate(values)}


def names(keys: list[tuple[tuple[int, ...], str]]) -> list[str]:
    return [name for _, name in keys]


def test_those_with_findings_come_first() -> None:
    marks = {"w2": Severity.NOTE, "w1": Severity.BAD}
    assert names(pick(rows(1, 2, 3), marks, Choice())) == ["w1", "w2", "w0"]


def test_then_the_largest_of_a_column() -> None:
    assert names(pick(rows(1, None, 3), {}, Choice(), "esd.alpha")) == ["w2", "w0", "w1"]


@pytest.mark.parametrize(("sort", "order"), [("alpha", "w2 w0 w1"), ("esd.alpha:asc", "w0 w2 w1")])
def test_what_has_no_value_comes_last(sort: str, order: str) -> None:
    assert names(pick(rows(1, None, 3), {"w1": Severity.BAD}, Choice(sort=sort))) == order.split()


def test_layer_is_the_order_of_the_network() -> None:
    check_sort("layer", DIAGNOSTICS)
    assert names(pick(rows(3, None, 1), {"w1": Severity.BAD}, Choice(sort="layer"))) == ["w0", "w1", "w2"]


def test_full_keeps_the_order_of_the_model() -> None:
    many = rows(*range(MOST + 3))
    assert len(pick(many, {}, Choice())) == MOST
    assert names(pick(many, {"w3": Severity.BAD}, Choice(full=True))) == [name for _, name in many]


def test_the_worst_finding_of_a_weight_is_its_mark() -> None:
    findings = [(Severity.NOTE, ["a", "b"]), (Severity.WARN, ["a"]), (Severity.NOTE, ["a"])]
    assert mark_weights(findings) == {"a": Severity.WARN, "b": Severity.NOTE}


@pytest.mark.parametrize("sort", ["", "alpha", "esd.alpha", "alpha:asc"])
def test_known_columns(sort: str) -> None:
    check_sort(sort, DIAGNOSTICS)


@pytest.mark.parametrize(("sort", "text"), [("alpah", "did you mean alpha"), ("state", "not a column of numbers")])
def test_other_columns_are_refused(sort: str, text: str) -> None:
    with pytest.raises(click.BadParameter, match=text):
        check_sort(sort, DIAGNOSTICS)


def test_only_numbers_are_sorted() -> None:
    columns = sortable_columns(DIAGNOSTICS)
    assert {"alpha", "stable_rank"} <= set(columns)
    assert "state" not in columns
