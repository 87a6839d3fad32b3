"""The declared columns are those that a measurement gives."""

from analysis.diagnostics.intruders.columns import COLUMNS
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from tests.analysis.diagnostics.battery import changed, randn, weight


def test_every_column_is_given_for_an_ordinary_pair() -> None:
    base = weight(randn(60, 40))
    found = INTRUDERS.compute([base, changed(base, base.slices + 0.1 * randn(60, 40, seed=1))], INTRUDERS.settings({}))
    assert set(found.values) == {column.name for column in COLUMNS if column.kind != "curve"}
    assert set(found.curves) == {column.name for column in COLUMNS if column.kind == "curve"}
