"""A layer against those of its role and shape."""

from analysis.diagnostic import Measurement, Row
from analysis.findings.siblings import families, find_apart, siblings_of
from analysis.weight import WeightInfo


def row(depth: int, value: float, role: str = "q", size: int = 8, name: str = "layers.{}.q_proj.weight") -> Row:
    info = WeightInfo(name.format(depth), name.format(depth), size, size, 1, role, depth)
    return Row(info, (0,), Measurement({"x": value}))


def value(given: Row) -> float:
    return float(given.value("x") or 0.0)


def test_roles_shapes_and_names_part_families() -> None:
    rows = [row(i, 1.0) for i in range(3)] + [row(i, 1.0, size=9) for i in range(3)] + [row(0, 1.0, role="k")]
    other = [row(i, 1.0, name="layers.{}.other.weight") for i in range(2)]
    assert [len(family) for family in families([*rows, *other])] == [3, 3]
    assert siblings_of(rows[1], rows) == rows[:3]
    assert siblings_of(rows[-1], rows) == []


def test_one_that_is_far_is_named_and_only_it() -> None:
    rows = [row(i, 1.0 + 0.01 * i) for i in range(5)] + [row(5, 3.0)]
    (found,) = find_apart(rows, value, width=5.0, far=0.5)
    assert (found.row, found.middle, found.siblings) == (rows[5], 1.02, 5)


def test_a_wide_family_hides_none_and_accuses_none() -> None:
    assert find_apart([row(i, float(i)) for i in range(6)], value, width=5.0, far=0.5) == []
    assert (
        find_apart([row(0, 1.0), row(1, 1.0), row(2, 1.4)], value, width=5.0, far=0.5) == []
    )  # not far enough to matter


def test_two_are_no_family() -> None:
    assert find_apart([row(0, 1.0), row(1, 9.0)], value, width=5.0, far=0.5) == []


def test_of_three_the_one_apart_is_named() -> None:
    (found,) = find_apart([row(0, 1.0), row(1, 1.05), row(2, 3.0)], value, width=5.0, far=0.5)
    assert found.row.weight.depth == 2


def test_unnamed_layers_of_one_shape_are_siblings() -> None:
    rows = [row(i, 1.0, role="other", name="{}.weight") for i in range(4)]
    assert [len(family) for family in families(rows)] == [4]
