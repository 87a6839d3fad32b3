"""Bounds and regressions: where a bound ends, and which way is worse."""

import pytest

from analysis.gate.bounds import Better, Bound, Regression


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        (Bound(min=2.0), 2.0, 1.999),
        (Bound(above=2.0), 2.001, 2.0),
        (Bound(max=6.0), 6.0, 6.001),
        (Bound(below=6.0), 5.999, 6.0),
        (Bound(min=2.0, max=6.0), 4.0, 7.0),
        (Bound(equals=True), True, False),
        (Bound(equals="under-trained"), "under-trained", ""),
        (Bound(equals=1), 1.0, True),
    ],
)
def test_a_bound_holds_up_to_its_ends(bound: Bound, inside: float, outside: float) -> None:
    assert bound.holds(inside)
    assert not bound.holds(outside)


def test_how_far_outside() -> None:
    bound = Bound(min=2.0, max=6.0)
    assert [bound.outside(value) for value in (1.5, 2.0, 4.0, 6.0, 9.0)] == [0.5, 0.0, 0.0, 0.0, 3.0]
    assert not bound.holds(None)
    assert not bound.holds("4")


@pytest.mark.parametrize(
    ("better", "value", "worse"),
    [
        (Better.LOWER, 5.0, 1.0),
        (Better.HIGHER, 5.0, -1.0),
        (Better.SAME, 3.0, 1.0),
        (Better.INSIDE, 5.0, 0.0),  # both within 2 to 6
        (Better.INSIDE, 7.5, 1.5),
        (Better.INSIDE, 1.0, 1.0),
    ],
)
def test_which_way_is_worse(better: Better, value: float, worse: float) -> None:
    assert Regression(0.0, False, better, (2.0, 6.0)).worse(value, 4.0) == worse


def test_from_outside_the_range_towards_it_is_better() -> None:
    assert Regression(0.0, False, Better.INSIDE, (2.0, 6.0)).worse(7.0, 8.0) == -1.0


def test_a_share_is_of_the_baseline() -> None:
    lower = Regression(0.1, True, Better.LOWER)
    assert lower.beyond(10.9, 10.0) < 0.0 < lower.beyond(11.1, 10.0)
    assert lower.beyond(-9.1, -10.0) < 0.0 < lower.beyond(-8.9, -10.0)
    assert lower.beyond(0.0, 0.0) == 0.0 < lower.beyond(1e-9, 0.0)
