"""Large entries survive shuffling, planted directions do not."""

import math

import pytest
import torch

from analysis.diagnostics.random_matrix.diagnostic import RANDOM_MATRIX
from analysis.diagnostics.random_matrix.traps import against_noise
from tests.analysis.diagnostics.battery import measured, randn, summary, weight


def test_large_entries_are_traps() -> None:
    matrix = randn(300, 200)
    for i in range(3):
        matrix[40 * i, 31 * i] = 60.0
    values = measured(RANDOM_MATRIX, matrix).values
    assert values["num_traps"] == pytest.approx(3.0)
    assert values["num_traps_sd"] == pytest.approx(0.0)
    alone = (
        (3600.0 + 300.0) * (3600.0 + 200.0) / 3600.0
    )  # where noise carries such a spike (Benaych-Georges, Nadakuditi)
    assert values["max_rand_eval"] == pytest.approx(alone, rel=0.06)
    assert values["ww_softrank"] == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("shape", [(9, 16, 16), (9, 64, 32), (49, 64, 3)])
def test_positions_of_a_kernel_that_differ_in_size_are_no_traps(shape: tuple[int, int, int]) -> None:
    """Pooled and shuffled together, the largest position would stand above the others."""
    kernel = randn(*shape) * torch.linspace(1.0, 10.0, shape[0])[:, None, None]
    said = summary(RANDOM_MATRIX, [weight(kernel, "conv.weight", "conv")])
    assert said.numbers["trapped"] == 0
    assert not any("trap" in finding.text for finding in said.findings)


def test_the_mean_of_the_entries_is_no_trap() -> None:
    shifted = randn(200, 150) + 0.5
    assert measured(RANDOM_MATRIX, shifted).values["num_traps"] == 0.0
    assert measured(RANDOM_MATRIX, shifted, compat="weightwatcher").values["num_traps"] == 1.0


def test_a_planted_direction_is_above_random_and_no_trap() -> None:
    left, right = torch.linalg.qr(randn(120, 1, seed=1)).Q, torch.linalg.qr(randn(90, 1, seed=2)).Q
    given = weight(randn(120, 90) + 40.0 * left @ right.T)
    values = against_noise(given, given.spectrum.eigenvalues, 1.0, False, 3)
    assert (values["num_above_random"], values["num_traps"], values["replicas"]) == (1, 0.0, 3)


def test_the_random_edge_is_the_laws() -> None:
    """V (√N + √M)² with the variance of the entries, the mean taken off (Marchenko and Pastur 1967)."""
    given = weight(randn(120, 90) + 3.0)
    values = against_noise(given, given.spectrum.eigenvalues, 1.0, False, 0)
    variance = float(given.slices.double().var(correction=0))
    assert values["rand_bulk_max"] == pytest.approx(variance * (math.sqrt(120) + math.sqrt(90)) ** 2, rel=1e-9)
    assert "num_traps" not in values


def test_the_factor_scales_the_edge() -> None:
    given = weight(randn(120, 90))
    one, half = (against_noise(given, given.spectrum.eigenvalues * f, f, False, 2) for f in (1.0, 0.5))
    for column in ("rand_bulk_max", "max_rand_eval", "ww_maxdist"):
        assert half[column] == pytest.approx(0.5 * float(one[column] or 0.0), rel=1e-12)
    assert half["num_above_random"] == one["num_above_random"]


def test_equal_entries_cannot_be_shuffled() -> None:
    given = weight(torch.ones(20, 20))
    assert against_noise(given, given.spectrum.eigenvalues, 1.0, False, 5) == {"replicas": 0}
