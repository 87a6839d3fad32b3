"""The maps in closed form, and that equal exponents leave the base value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.prescriptions.layerwise.maps import block_sigmoid, ratios

FORMS = ("linear", "sqrt", "log2", "step")


@pytest.mark.parametrize("form", FORMS)
def test_equal_exponents_leave_the_base(form: str) -> None:
    assert list(ratios([2.5] * 3, form, 0.5, 1.5)) == [1.0, 1.0, 1.0]
    assert np.interp(2.5, (2.5, 2.5), (0.5, 1.5)) == 1.5  # what the published code then gives to all


@given(st.lists(st.floats(1.5, 9.0), min_size=2, max_size=20, unique=True))
def test_a_higher_exponent_gets_more(alphas: list[float]) -> None:
    for form in FORMS:
        found = ratios(alphas, form, 0.5, 1.5)
        assert np.all(np.diff(found[np.argsort(alphas)]) >= 0.0)
    assert ratios(alphas, "sqrt", 0.5, 1.5).mean() == pytest.approx(1.0)
    assert sorted(ratios(alphas, "step", 0.0, 1.0)) == pytest.approx([k / len(alphas) for k in range(len(alphas))])


def test_a_sigmoid_looks_inside_each_block_alone() -> None:
    found = block_sigmoid([2.0, 4.0, 20.0, 40.0, 7.0, 9.0], ["a", "a", "b", "b", "c", None])
    low, high = 2.0 / (1.0 + np.exp(4.0)), 2.0 / (1.0 + np.exp(-4.0))  # of two values z is -1 and 1
    assert found == pytest.approx([low, high, low, high, 1.0, 1.0])
    assert list(block_sigmoid([3.0, 3.0], ["a", "a"])) == [1.0, 1.0]
