"""Noise, planted spikes, traps, and WeightWatcher run live with mp_fit and randomize."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.diagnostics.random_matrix.diagnostic import RANDOM_MATRIX
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import measured, randn, weight, weightwatcher


def test_noise_has_neither_spikes_nor_traps() -> None:
    values = measured(RANDOM_MATRIX, randn(300, 200) * 0.02).values
    assert (values["bulk_fits"], values["num_spikes"], values["num_above_random"], values["num_traps"]) == (
        True,
        0,
        0,
        0.0,
    )
    assert values["sigma_mp"] == pytest.approx(1.0, abs=1e-9)
    assert values["bulk_max"] == pytest.approx(4e-4 * (math.sqrt(300) + math.sqrt(200)) ** 2, rel=0.02)
    assert values["rand_bulk_max"] == pytest.approx(values["bulk_max"], rel=1e-3)
    assert values["mp_softrank"] == pytest.approx(1.0, abs=0.05)
    assert values["ww_softrank"] == pytest.approx(1.0, abs=0.05)
    assert values["rand_distance"] == pytest.approx(0.0, abs=0.02)
    assert values["replicas"] == 5


def test_planted_spikes_are_counted_and_vanish_when_shuffled() -> None:
    left, right = torch.linalg.qr(randn(300, 7, seed=1)).Q, torch.linalg.qr(randn(200, 7, seed=2)).Q
    values = measured(RANDOM_MATRIX, randn(300, 200) + 60.0 * left @ right.T).values
    assert (values["num_spikes"], values["num_above_random"], values["num_traps"]) == (7, 7, 0.0)
    assert values["bulk_fits"] is True
    share = 300.0 * 200.0 / (300.0 * 200.0 + 7.0 * 3600.0)  # of ‖W‖² in the noise
    assert values["sigma_mp"] == pytest.approx(math.sqrt(share), rel=0.02)


def test_the_top_by_lanczos_is_the_top_of_all() -> None:
    """More than a few hundred eigenvalues: of four of the five replicas only the largest are computed."""
    wide = randn(400, 300)
    wide[3, 4] = 80.0
    values = measured(RANDOM_MATRIX, wide).values
    assert (values["num_traps"], values["num_traps_sd"]) == (1.0, 0.0)
    assert values["max_rand_eval"] == pytest.approx(80.0**2, rel=0.15)


def test_a_power_law_spectrum_has_no_bulk_and_says_so() -> None:
    u, v = (torch.linalg.qr(randn(200, 200, seed=seed)).Q for seed in (1, 2))
    matrix = u @ torch.diag(torch.arange(1.0, 201.0) ** -0.7) @ v.T
    found = measured(RANDOM_MATRIX, matrix)
    assert found.values["bulk_fits"] is False
    assert {found.values[c] for c in ("num_spikes", "sigma_mp", "mp_softrank", "bulk_max", "spike_cut")} == {None}
    assert str(found.note).startswith("no noise bulk")
    assert found.values["num_above_random"]
    assert "bulk_x" not in found.curves
    assert measured(RANDOM_MATRIX, matrix, compat="weightwatcher").values["num_spikes"] is not None


def test_the_density_curve_holds_the_share_of_the_bulk() -> None:
    left, right = torch.linalg.qr(randn(100, 10, seed=1)).Q, torch.linalg.qr(randn(200, 10, seed=2)).Q
    found = measured(RANDOM_MATRIX, randn(100, 200) + 60.0 * left @ right.T)
    x, y = (found.curves[c].astype(np.float64) for c in ("bulk_x", "bulk_density"))
    assert np.trapezoid(y, x) == pytest.approx(0.9, abs=0.001)
    assert (x[0], x[-1]) == pytest.approx((found.values["bulk_min"], found.values["bulk_max"]), rel=1e-6)


def test_slices_are_shuffled_by_themselves_and_pooled() -> None:
    values = measured(RANDOM_MATRIX, weight(randn(9, 40, 30), "conv.weight", "conv"), conv_norm=0.5).values
    whole = measured(RANDOM_MATRIX, weight(randn(9, 40, 30), "conv.weight", "conv")).values
    assert (values["num_spikes"], values["num_traps"]) == (0, 0.0)
    for column in ("bulk_max", "rand_bulk_max", "max_rand_eval", "ww_maxdist"):
        assert values[column] == pytest.approx(0.5 * float(whole[column] or 0.0), rel=1e-5)
    for column in ("sigma_mp", "rand_distance", "ww_softrank", "bulk_D"):
        assert values[column] == pytest.approx(whole[column], rel=1e-5)


def test_seeded_by_the_name_alone() -> None:
    one, other = (measured(RANDOM_MATRIX, weight(randn(40, 30), name)).values for name in ("a.weight", "b.weight"))
    assert one == measured(RANDOM_MATRIX, weight(randn(40, 30), "a.weight")).values
    assert one["max_rand_eval"] != other["max_rand_eval"]
    assert one["bulk_max"] == other["bulk_max"]


def test_shuffling_can_be_left_out() -> None:
    values = measured(RANDOM_MATRIX, randn(40, 30), replicas=0).values
    assert values["replicas"] == 0
    assert values["num_above_random"] == 0
    assert {values[c] for c in ("num_traps", "max_rand_eval", "rand_distance", "ww_maxdist")} == {None}
    assert measured(RANDOM_MATRIX, randn(40, 30), replicas=1).values["num_traps_sd"] is None


@pytest.mark.parametrize("rows", [5, 7])
def test_a_few_eigenvalues_are_no_bulk(rows: int) -> None:
    found = measured(RANDOM_MATRIX, randn(rows, 60))
    assert found.note == f"{rows} eigenvalues; a bulk needs 8"


def wavering(given: Weight) -> float:
    """Standard deviation of the largest eigenvalue of noise: 1.268 (of F₁, Bornemann 2010) times its scale."""
    variance = float(given.slices.double().square().mean())
    m, n = math.sqrt(given.info.rows), math.sqrt(given.info.columns)
    return 1.268 * variance * (m + n) * math.cbrt(1.0 / m + 1.0 / n)


def test_equal_to_weightwatcher_live(minilm: Path) -> None:
    """Its mp_fit to 0.02, spikes counted alike, and what it shuffles within the spread of shuffling."""
    for name, (given, peer) in weightwatcher(minilm, mp_fit=True, randomize=True).items():
        values = measured(RANDOM_MATRIX, given, compat="weightwatcher").values
        assert values["sigma_mp"] == pytest.approx(peer["sigma_mp"], abs=1e-3), name
        assert values["num_spikes"] == peer["num_spikes"], name
        assert values["mp_softrank"] == pytest.approx(peer["mp_softrank"], rel=2e-3), name
        assert values["W_scale"] == pytest.approx(peer["W_scale"], rel=1e-9), name
        assert values["bulk_max"] == pytest.approx(peer["bulk_max"], rel=2e-3), name
        assert values["bulk_min"] == pytest.approx(peer["bulk_min"], rel=2e-3, abs=1e-9), name
        spread = 6.0 * max(wavering(given), float(values["max_rand_eval_sd"] or 0.0))
        assert values["max_rand_eval"] == pytest.approx(peer["max_rand_eval"], abs=spread), name
        assert values["rand_distance"] == pytest.approx(peer["rand_distance"], rel=0.05, abs=0.002), name
        assert values["ww_softrank"] == pytest.approx(peer["ww_softrank"], abs=spread / peer["lambda_max"]), name
        assert values["rand_sigma_mp"] == pytest.approx(peer["rand_sigma_mp"], abs=0.03), name
        assert abs(float(values["num_traps"] or 0.0) - peer["num_traps"]) <= 1.0, name
