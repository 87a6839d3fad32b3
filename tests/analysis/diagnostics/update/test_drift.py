"""Drift of singular values and vectors against numpy and known turns."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analysis.diagnostics.update.drift import directions_drift, values_distance, values_drift
from analysis.linalg.triplets import Triplets, triplets


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def diagonal(*values: float) -> Tensor:
    return torch.diag(torch.tensor(values, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (12, 12)])
def test_equal_to_numpy(shape: tuple[int, int]) -> None:
    """The formulas of SORSA's notebook, on numpy's SVD."""
    one, other = randn(*shape), randn(*shape) + 0.2 * randn(*shape, seed=1)
    u, s, vt = np.linalg.svd(one.numpy(), full_matrices=False)
    ut, st_, vtt = np.linalg.svd(other.numpy(), full_matrices=False)
    dots = np.abs((u * ut).sum(axis=0)), np.abs((vt * vtt).sum(axis=1))
    base, tuned = triplets(one), triplets(other)
    assert values_drift(base.values, tuned.values) == pytest.approx(np.abs(s - st_).mean(), rel=1e-10)
    assert directions_drift(base, tuned) == pytest.approx(1.0 - (dots[0].mean() + dots[1].mean()) / 2.0, abs=1e-9)
    assert values_distance(base.values, tuned.values) == pytest.approx(
        np.linalg.norm(s - st_) / np.linalg.norm(s), rel=1e-10
    )


def test_values_that_cross_turn_nothing() -> None:
    base, tuned = triplets(diagonal(3.0, 2.0, 1.0)), triplets(diagonal(2.0, 3.0, 1.0))
    assert values_drift(base.values, tuned.values) == pytest.approx(0.0, abs=1e-15)
    assert directions_drift(base, tuned) == pytest.approx(2.0 / 3.0)
    assert directions_drift(base, tuned, 1) == pytest.approx(0.0, abs=1e-15)


def test_a_turn_of_one_side_by_hand() -> None:
    """Inputs turned by θ in every plane: |u·u⁰| = 1, |v·v⁰| = cos θ."""
    angle = 0.4
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    base = diagonal(5.0, 1.0)
    assert directions_drift(triplets(base), triplets(base @ turn)) == pytest.approx((1.0 - math.cos(angle)) / 2.0)


@given(rows=st.integers(1, 25), columns=st.integers(1, 25), seed=st.integers(0, 10**6), size=st.floats(0.0, 3.0))
def test_bounds(rows: int, columns: int, seed: int, size: float) -> None:
    one = randn(rows, columns, seed=seed)
    update = size * randn(rows, columns, seed=seed + 1)
    base, tuned = triplets(one), triplets(one + update)
    plain, near, all_of_them = (directions_drift(base, tuned, window) for window in (0, 3, 100))
    assert plain is not None
    assert near is not None
    assert all_of_them is not None
    assert 0.0 <= all_of_them <= near + 1e-12 <= plain + 2e-12 <= 1.0 + 3e-12
    mirsky = values_distance(base.values, tuned.values)
    assert mirsky is not None
    assert mirsky <= float(update.norm() / one.norm()) * (1.0 + 1e-9) + 1e-12


def test_the_widest_window_finds_the_best_of_all() -> None:
    base, tuned = triplets(randn(20, 9)), triplets(randn(20, 9, seed=1))
    dots = ((base.left.mT @ tuned.left).abs() + (base.right.mT @ tuned.right).abs()) / 2.0
    assert directions_drift(base, tuned, 9) == pytest.approx(1.0 - float(dots.max(dim=0).values.mean()), abs=1e-12)


def test_chance_of_what_has_turned_away() -> None:
    drifts = [
        directions_drift(triplets(randn(120, 120, seed=k)), triplets(randn(120, 120, seed=k + 1))) for k in (0, 2)
    ]
    assert np.mean([drift for drift in drifts if drift]) == pytest.approx(
        1.0 - math.sqrt(2 / (math.pi * 120)), abs=0.01
    )


def test_directions_of_value_zero_do_not_count() -> None:
    flat: Triplets = triplets(randn(20, 3) @ randn(3, 15, seed=1))
    assert directions_drift(flat, flat) == pytest.approx(0.0, abs=1e-12)
    zero = triplets(torch.zeros(4, 3))
    assert directions_drift(flat, flat) is not None
    assert directions_drift(zero, zero) is None
    assert values_distance(zero.values, zero.values) is None
