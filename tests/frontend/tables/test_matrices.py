import pytest

from frontend.tables.matrices import choose_columns, keys, matrices
from tests.frontend.pairs import both, pair, table


def test_one_column_for_each_quantity_and_group() -> None:
    assert [place.key for place in choose_columns([both()])] == ["strangers"]
    assert keys([both()]) == ["strangers.1", "strangers.2"]
    assert keys([both()], ["change", "k"]) == ["k.1", "k.2", "change.1", "change.2"]


@pytest.mark.parametrize(
    ("sort", "first"), [("-strangers.1", "layers.1.k"), ("strangers.1", "layers.0.q"), ("-layer", "layers.1.k")]
)
def test_rows_sort_by_one_of_them(sort: str, first: str) -> None:
    found = matrices([both()], {"layers.1.k"}, sort)
    assert found.rows[0].name == first
    assert found.flagged == 1
    assert len(found.rows) == 2


def test_values_outside_the_usual_range_stand_out() -> None:
    query, _ = matrices([both()], ()).rows
    assert [(cell.text, cell.out, cell.quiet) for cell in query.cells] == [("2", True, False), ("0", False, True)]
    assert query.keys == (0.0, 2.0, 0.0)


def test_what_was_not_compared_is_a_dash_with_its_reason() -> None:
    rows = [pair("a", 1), pair("b", 1, note="all zeros"), pair("b", 2)]
    first, second = matrices([table(rows)], (), "-strangers.2").rows
    assert (first.name, second.name) == ("b", "a")
    assert [(cell.text, cell.title) for cell in first.cells] == [("–", "all zeros"), ("2", "")]
    assert [(cell.text, cell.title) for cell in second.cells] == [("2", ""), ("–", "not compared")]
