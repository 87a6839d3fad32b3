"""Atoms over layers: independent layers have chance, equal layers one atom."""

import numpy as np
import pytest

from analysis.prescriptions.slices.sharing import SAMPLED, measure_sharing, sample_rows


def test_independent_layers_are_at_chance_and_equal_ones_are_one_atom() -> None:
    apart = measure_sharing([np.random.default_rng(seed).normal(size=(60, 80)) for seed in range(8)])
    assert apart is not None
    assert np.abs(apart.above_chance).max() < 0.05
    assert apart.energy[-1] == pytest.approx(1.0)
    one = np.random.default_rng(0).normal(size=(60, 80))
    equal = measure_sharing([one, 2 * one, 0.5 * one, -one])
    assert equal is not None
    assert equal.energy[0] == pytest.approx(1.0)
    assert equal.above_chance[0] == pytest.approx(0.75)


def test_two_atoms_keep_mixtures_of_two() -> None:
    first, second = np.random.default_rng(1).normal(size=(2, 30, 30))
    mixed = [np.cos(angle) * first + np.sin(angle) * second for angle in np.linspace(0, 3, 6)]
    found = measure_sharing(mixed)
    assert found is not None
    assert found.energy[1] == pytest.approx(1.0)


def test_one_layer_or_a_zero_one_has_nothing_to_share() -> None:
    assert measure_sharing([np.ones((3, 3))]) is None
    assert measure_sharing([np.ones((3, 3)), np.zeros((3, 3))]) is None


def test_large_layers_are_sampled() -> None:
    assert sample_rows(np.ones((10, 10))).shape == (10, 10)
    assert sample_rows(np.ones((3000, 1000))).size <= SAMPLED
