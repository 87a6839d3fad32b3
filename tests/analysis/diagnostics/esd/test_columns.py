"""The declared columns are those that a measurement gives."""

from analysis.diagnostics.esd.columns import COLUMNS
from analysis.diagnostics.esd.diagnostic import ESD
from tests.analysis.diagnostics.battery import measured, randn


def test_every_column_is_given_for_an_ordinary_matrix() -> None:
    found = measured(ESD, randn(160, 140))
    assert list(found.values) == [column.name for column in COLUMNS if column.kind != "curve"]
    assert set(found.curves) == {column.name for column in COLUMNS if column.kind == "curve"}
    absent = [name for name, value in found.values.items() if value is None]
    assert absent == ["num_fingers", "raw_alpha"]  # only the option fix_fingers gives them
