"""Every number that a pair has is a column that says what it means, and every column is a number that a pair has."""

from analysis.diagnostics.update.adapter_base import outputs_over_chance
from analysis.diagnostics.update.columns import COLUMNS
from analysis.diagnostics.update.kinds import kind_of_change
from analysis.diagnostics.update.numbers import drift, entries, shares, sizes, tails, turns
from tests.analysis.diagnostics.battery import changed, low_rank, randn, weight


def test_numbers_and_columns_are_the_same() -> None:
    base = weight(randn(30, 20))
    tuned = changed(base, base.slices + 0.1 * randn(30, 20, seed=1))
    found = {
        **sizes(base, tuned),
        **shares(base, tuned, 2),
        **tails(base, tuned),
        **drift(base, tuned),
        **turns(base.triplets, tuned.triplets),
        **entries(base, tuned),
        "change": kind_of_change(base, tuned),
    }
    found |= outputs_over_chance(wide := weight(randn(64, 64)), low_rank(wide, randn(64, 2), randn(2, 64)))
    assert found.keys() == {column.name for column in COLUMNS if column.kind != "curve"}
