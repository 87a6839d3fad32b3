"""The declared columns are those that a measurement gives."""

from analysis.diagnostics.entries.columns import COLUMNS
from analysis.diagnostics.entries.diagnostic import ENTRIES
from tests.analysis.diagnostics.battery import measured, randn


def test_every_column_is_given_for_an_ordinary_matrix() -> None:
    found = measured(ENTRIES, randn(160, 140))
    scalars = [column.name for column in COLUMNS if column.kind != "curve"]
    assert list(found.values) == scalars
    assert [name for name, value in found.values.items() if value is None] == ["grid_steps", "excess_zeros"]
    assert list(found.curves) == [column.name for column in COLUMNS if column.kind == "curve"]
