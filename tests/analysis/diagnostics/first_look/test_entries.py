"""One pass over the entries, against NumPy."""

import math

import numpy as np
import pytest
import torch

from analysis.diagnostics.first_look.entries import add_up
from analysis.errors import NotFinite


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
@pytest.mark.parametrize("shape", [(1, 70, 40), (1, 30, 90), (4, 20, 30)])
def test_sums_are_those_of_numpy(shape: tuple[int, ...], scale: float) -> None:
    slices = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * scale
    slices[0, :5] = 0.0
    found, values = add_up(slices), slices.double().numpy()
    assert found is not None
    rms = math.sqrt(np.square(values).mean())
    assert found.squared_norm == pytest.approx(np.square(values).sum())
    assert found.rms == pytest.approx(rms)
    assert found.largest == pytest.approx(np.abs(values).max() / rms)
    assert found.kurtosis == pytest.approx(((values / rms) ** 4).mean())
    assert found.zeros == pytest.approx((values == 0.0).mean())


def test_a_zero_matrix_has_none() -> None:
    assert add_up(torch.zeros(1, 3, 4)) is None


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_said(wrong: float) -> None:
    slices = torch.ones(1, 3, 4)
    slices[0, 1, 2] = wrong
    with pytest.raises(NotFinite):
        add_up(slices)
