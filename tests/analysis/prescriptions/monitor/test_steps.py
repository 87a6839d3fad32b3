import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.prescriptions.monitor.steps import cosine, flatness_of, measure_step

GOLDEN = Path(__file__).parents[3] / "golden" / "prescriptions"


def gaussian(seed: int, rows: int = 40, columns: int = 60) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, columns))


def orthogonalise(gradient: Any) -> Any:
    """Muon's five steps of Newton and Schulz, in float64 (arXiv 2502.16982; KellerJordan/Muon)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient / np.linalg.norm(gradient)
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def test_a_muon_step_is_flat() -> None:
    golden = json.loads((GOLDEN / "prescriptions.json").read_text())["muon"]
    values = np.linalg.svd(orthogonalise(np.load(GOLDEN / "arrays.npz")["muon_grad"].astype(float)), compute_uv=False)
    assert values[0] == pytest.approx(golden["max"], abs=0.02)  # theirs is bfloat16
    assert values[-1] == pytest.approx(golden["singular_values_min"], abs=0.02)
    found: Any = flatness_of(values)
    assert found.share == 1.0
    assert found.spread == pytest.approx(golden["max"] / golden["singular_values_min"], rel=0.05)


def test_a_low_rank_step_is_not() -> None:
    found: Any = flatness_of(np.linalg.svd(gaussian(0, 40, 3) @ gaussian(1, 3, 60), compute_uv=False))
    assert (found.share, found.spread) == (0.0, None)
    assert flatness_of(np.zeros(4)) is None
    found = flatness_of(np.array([2.0, 1.0, 0.0]))
    assert found.spread is None
    assert flatness_of(np.full(5, 3.0)) == flatness_of(np.full(5, 3e-6))


def test_weight_decay_alone_is_a_step_against_the_weight() -> None:
    before = gaussian(2)
    found = measure_step(before, 0.99 * before)
    assert found.cosine_weight == pytest.approx(-1.0)
    assert found.ratio == pytest.approx(0.01)
    assert found.cosine_before is None


def test_a_straight_and_a_turning_run() -> None:
    start, step = gaussian(3), 0.01 * gaussian(4)
    straight = measure_step(start + step, start + 2 * step, start)
    assert straight.cosine_before == pytest.approx(1.0)
    assert measure_step(start + step, start, start).cosine_before == pytest.approx(-1.0)
    assert straight.operator == pytest.approx(np.linalg.norm(step, 2) * np.sqrt(60 / 40))


def test_the_stable_rank_tells_one_direction_from_many() -> None:
    before = gaussian(5)
    one = np.outer(gaussian(6, 40, 1), gaussian(7, 60, 1))
    assert measure_step(before, before + one).stable_rank == pytest.approx(1.0)
    assert measure_step(before, before + orthogonalise(gaussian(8))).stable_rank > 20


def test_no_step_has_no_direction() -> None:
    before = gaussian(9)
    found = measure_step(before, before.copy(), before)
    assert (found.operator, found.cosine_weight, found.cosine_before, found.flatness) == (0.0, None, None, None)
    assert measure_step(np.zeros((3, 2)), np.ones((3, 2))).ratio is None
    assert cosine(before, np.zeros_like(before)) is None
