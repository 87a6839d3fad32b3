import doctest
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.figures import labels as module
from frontend.figures.labels import spread


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 1.0, 5.0], [0.5, 1.5, 5.0]),
        ([3.0, 1.0], [3.0, 1.0]),
        ([9.8, 9.9, 10.0], [8.0, 9.0, 10.0]),
        ([0.0, 0.0], [0.0, 1.0]),
        ([], []),
    ],
)
def test_spread_keeps_the_gap_and_the_order(values: list[float], expected: list[float]) -> None:
    assert spread(values, 1.0, 0.0, 10.0) == pytest.approx(expected)


@given(st.lists(st.floats(0, 100), max_size=20))
def test_neighbours_keep_the_gap_and_stay_near(values: list[float]) -> None:
    places = spread(values, 1.0, 0.0, 100.0)
    ranked = sorted(range(len(values)), key=lambda i: values[i])
    assert all(places[b] - places[a] >= 1 - 1e-6 for a, b in pairwise(ranked))
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in places)
    assert all(abs(place - value) <= len(values) for place, value in zip(places, values, strict=True))
