"""Rows by their place in a run, and the numbers in them."""

from dataclasses import replace

import pytest

from analysis.diagnostic import Row, Table
from frontend.rows import number, row_of, rows_at, values_on_one_scale
from tests.frontend.examples import row, table


def in_group(name: str, group: tuple[int, ...], steepness: float, depth: int | None = 0) -> Row:
    return replace(row(name, depth=depth, steepness=steepness), group=group)


PAIRS = table([in_group("a", (0, 1), 2.0), in_group("a", (0, 2), 3.0), in_group("head", (0, 1), 9.0, depth=None)])


def test_rows_of_one_checkpoint() -> None:
    both = table([row("a", position=0), row("a", position=1), row("b", position=1)])
    assert [found.weight.name for found in rows_at(both, 1)] == ["a", "b"]


def test_rows_of_a_group_are_those_of_that_group_alone() -> None:
    assert [found.group for found in rows_at(PAIRS, (0, 2))] == [(0, 2)]
    assert rows_at(PAIRS, (0, 3)) == []


def test_a_row_by_name_and_place() -> None:
    assert number(row_of(PAIRS, "a", (0, 2)), "steepness") == 3.0
    with pytest.raises(KeyError):
        row_of(PAIRS, "head", (0, 2))


@pytest.mark.parametrize("column", [None, "weak", "unknown"])
def test_what_is_no_number_is_none(column: str | None) -> None:
    assert number(row("a", weak=True, steepness=1.0), column) is None


def test_groups_side_by_side_share_a_scale_and_checkpoints_have_their_own() -> None:
    both: Table = table([row("a", position=0, steepness=1.0), row("a", position=1, steepness=5.0)])
    assert values_on_one_scale(both, "steepness", 1) == [5.0]
    assert values_on_one_scale(PAIRS, "steepness", (0, 2)) == [2.0, 3.0, 9.0]
    assert values_on_one_scale(PAIRS, "steepness", (0, 2), in_blocks=True) == [2.0, 3.0]
