"""Experts alike as they lie, up to permutation, and by their output directions."""

import numpy as np
import pytest

from analysis.prescriptions.slices.experts import best_cosine, cosines, expert_likeness, subspace_overlap


def gaussian(seed: int, rows: int = 24, columns: int = 60) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_a_permuted_copy_is_alike_only_up_to_permutation() -> None:
    one = gaussian(0)
    copy = one[np.random.default_rng(9).permutation(24)]
    found = expert_likeness([one, copy, gaussian(1)])
    assert found.permuted is not None
    assert abs(found.raw[0, 1]) < 0.3
    assert found.permuted[0, 1] == pytest.approx(1.0)
    assert found.permuted[0, 2] < 0.6
    assert np.diag(found.permuted) == pytest.approx(np.ones(3))


def test_a_common_part_is_taken_out_by_the_mean_expert() -> None:
    common = 3.0 * gaussian(2)
    found = expert_likeness([common + gaussian(seed) for seed in range(3, 8)], search=False)
    off = ~np.eye(5, dtype=bool)
    assert found.permuted is None
    assert found.raw[off].min() > 0.85
    assert found.centred[off].mean() == pytest.approx(-0.25, abs=0.02)


def test_scale_changes_nothing_and_zero_has_no_angle() -> None:
    one = gaussian(8)
    assert best_cosine(one, 5.0 * one) == pytest.approx(1.0)
    assert best_cosine(one, 0.0 * one) == 0.0
    assert cosines(np.stack([np.ones(3), np.zeros(3)]))[0, 1] == 0.0


def test_output_directions_by_chance_and_shared() -> None:
    apart = [gaussian(seed, 200, 40) for seed in range(4)]
    overlap, chance = subspace_overlap(apart, 10)
    assert chance == 0.05
    assert overlap == pytest.approx(chance, abs=0.03)
    basis = np.linalg.qr(gaussian(10, 200, 10))[0]
    shared = [basis @ gaussian(seed, 10, 40) for seed in range(4)]
    assert subspace_overlap(shared, 10)[0] == pytest.approx(1.0)
