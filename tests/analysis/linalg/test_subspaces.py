"""Overlaps and angles against SciPy, closed forms, and random subspaces."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analysis.linalg.subspaces import angles, chance, chance_deviation, chordal_distance, extent, overlap
from analysis.linalg.triplets import Triplets, triplets


def frame(rows: int, count: int, seed: int) -> Tensor:
    drawn = torch.randn(rows, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found: Tensor = torch.linalg.qr(drawn).Q
    return found


def test_angles_in_a_plane_by_hand() -> None:
    one = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    for angle in (0.0, 1e-9, 0.3, math.pi / 4, 1.2, math.pi / 2):
        other = torch.tensor([[math.cos(angle)], [math.sin(angle)]], dtype=torch.float64)
        assert float(angles(one, other)[0]) == pytest.approx(angle, rel=1e-12, abs=1e-15)
        assert overlap(one, other) == pytest.approx(math.cos(angle) ** 2, abs=1e-15)


@given(rows=st.integers(2, 30), i=st.integers(1, 12), j=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_equal_to_scipy_symmetric_and_consistent(rows: int, i: int, j: int, seed: int) -> None:
    one, other = frame(rows, min(i, rows), seed), frame(rows, min(j, rows), seed + 1)
    found = angles(one, other)
    expected = scipy.linalg.subspace_angles(one.numpy(), other.numpy())[::-1]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-7)
    np.testing.assert_allclose(found.numpy(), angles(other, one).numpy(), atol=1e-7)
    shared, fewest = overlap(one, other), len(found)
    assert shared == pytest.approx(overlap(other, one), abs=1e-14)
    assert shared == pytest.approx(float(found.cos().square().mean()), abs=1e-12)
    assert chordal_distance(found) ** 2 == pytest.approx(fewest * (1.0 - shared), abs=1e-11)
    assert bool((found.diff() >= -1e-12).all())


def test_a_space_inside_another_overlaps_wholly_and_rotation_changes_nothing() -> None:
    large = frame(40, 9, 0)
    within = large[:, :4] @ frame(4, 4, 1)
    assert overlap(within, large) == pytest.approx(1.0, abs=1e-14)
    assert float(angles(within, large).max()) < 1e-14
    other = frame(40, 6, 2)
    assert overlap(large @ frame(9, 9, 3), other) == pytest.approx(overlap(large, other), abs=1e-14)


def test_small_angles_keep_their_digits() -> None:
    """1 - cos of them is lost to rounding."""
    one = frame(50, 3, 0)
    away = frame(50, 3, 1)
    away = torch.linalg.qr(away - one @ (one.mT @ away)).Q
    wanted = torch.tensor([1e-12, 1e-9, 1e-5], dtype=torch.float64)
    other = one * wanted.cos() + away * wanted.sin()
    np.testing.assert_allclose(angles(one, other).numpy(), wanted.numpy(), rtol=1e-3)


@pytest.mark.parametrize(("i", "j", "rows"), [(1, 1, 5), (8, 8, 96), (1, 8, 40), (4, 30, 60), (7, 7, 7)])
def test_chance_is_what_random_subspaces_give(i: int, j: int, rows: int) -> None:
    drawn = [overlap(frame(rows, i, 2 * k), frame(rows, j, 2 * k + 1)) for k in range(1500)]
    spread = chance_deviation(i, j, rows)
    assert np.mean(drawn) == pytest.approx(chance(i, j, rows), abs=4.0 * spread / math.sqrt(1500) + 1e-12)
    assert np.std(drawn) == pytest.approx(spread, rel=0.12, abs=1e-12)


def test_the_deviation_of_chance_at_its_ends() -> None:
    assert chance_deviation(1, 1, 1) == 0.0
    assert chance_deviation(3, 2, 3) == 0.0


def test_extent_counts_what_is_no_rounding() -> None:
    left, right = frame(30, 4, 0), frame(20, 4, 1)
    assert extent(triplets(left @ right.mT)) == 4
    assert extent(triplets(torch.zeros(5, 3))) == 0
    none = torch.zeros(0, dtype=torch.float64)
    assert extent(Triplets(torch.zeros(5, 0, dtype=torch.float64), none, torch.zeros(3, 0, dtype=torch.float64))) == 0
