from analysis.diagnostic import Measurement, Row
from analysis.findings.grouping import group_rows, having, medians, middle
from analysis.weight import WeightInfo


def row(group: tuple[int, ...], value: float | None) -> Row:
    return Row(WeightInfo("w", "w", 4, 4, 1, "up", 0), group, Measurement({"x": value}))


def test_rows_by_group_in_order() -> None:
    rows = [row((0, 2), 1.0), row((0, 1), 2.0), row((0, 2), 3.0)]
    assert group_rows(rows) == {(0, 1): [rows[1]], (0, 2): [rows[0], rows[2]]}
    assert list(group_rows(rows)) == [(0, 1), (0, 2)]


def test_medians_of_what_is_there() -> None:
    rows = [row((0, 1), 1.0), row((0, 1), None), row((0, 1), 5.0)]
    assert having(rows, "x") == [rows[0], rows[2]]
    assert middle(rows, "x") == 3.0
    assert middle(rows[1:2], "x") is None
    assert medians(rows, ("x", "y")) == {"x": 3.0, "y": None}
