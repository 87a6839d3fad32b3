"""A layer against those of its role and shape."""

import time
from statistics import median

import numpy as np
import pytest

from analysis.diagnostic import Measurement, Row
from analysis.findings.siblings import ROBUST, families, families_by_row, find_apart, siblings_of
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


def test_each_row_has_its_family() -> None:
    rows = [row(i, 1.0) for i in range(3)] + [row(0, 1.0, role="k")]
    found = families_by_row(rows)
    assert [found.get(id(one)) for one in rows] == [rows[:3]] * 3 + [None]


def apart_slowly(values: list[float], width: float, far: float) -> list[int]:
    """The rule by itself: the others of each value looked at anew."""
    outliers = []
    for place, number in enumerate(values):
        rest = values[:place] + values[place + 1 :]
        middle = median(rest)
        spread = ROBUST * median(abs(other - middle) for other in rest)
        spread = max(spread, (max(rest) - min(rest)) / 2.0) if len(rest) < 5 else spread
        if abs(number - middle) > max(far, width * spread):
            outliers.append(place)
    return outliers


@pytest.mark.parametrize("seed", range(40))
def test_those_apart_are_those_that_stand_out_from_the_others(seed: int) -> None:
    noise = np.random.default_rng(seed)
    values = [round(float(one), int(noise.integers(1, 4))) for one in noise.standard_t(1.5, int(noise.integers(3, 30)))]
    rows = [row(depth, number) for depth, number in enumerate(values)]
    found = [outlier.row.weight.depth for outlier in find_apart(rows, value, width=2.0, far=0.1)]
    assert found == apart_slowly(values, 2.0, 0.1)


def test_a_family_of_tens_of_thousands_takes_seconds() -> None:
    rows = [row(depth, float(number)) for depth, number in enumerate(np.random.default_rng(0).standard_normal(30_000))]
    began = time.process_time()
    assert len(find_apart(rows, value, width=2.0, far=0.1)) > 100
    assert time.process_time() - began < 10.0  # looked at anew for each: half an hour
