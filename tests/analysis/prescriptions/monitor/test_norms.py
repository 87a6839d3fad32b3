import math
from typing import Any

import numpy as np
import pytest

from analysis.prescriptions.monitor.norms import norms_of, operator_norm


def svd(matrix: Any) -> Any:
    return np.linalg.svd(matrix, compute_uv=False)


@pytest.mark.parametrize("shape", [(64, 256), (256, 64), (100, 100)])
def test_an_orthogonal_weight_scaled_as_modula_does_has_norm_one(shape: tuple[int, int]) -> None:
    """As modula’s `Linear.initialize`: an orthogonal matrix times √(out/in)."""
    m, n = shape
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(max(m, n), min(m, n))))[0]
    weight = (q if m >= n else q.T) * math.sqrt(m / n)
    found = norms_of(svd(weight), m, n)
    assert found.operator == pytest.approx(1.0)
    assert found.stable_rank == pytest.approx(min(m, n))
    assert found.rms_singular_value == pytest.approx(math.sqrt(m / n))


@pytest.mark.parametrize("shape", [(400, 900), (900, 400)])
def test_a_gaussian_has_the_closed_form(shape: tuple[int, int]) -> None:
    m, n = shape
    weight = 0.02 * np.random.default_rng(1).normal(size=shape)
    found = norms_of(svd(weight), m, n)
    assert found.operator == pytest.approx(0.02 * (math.sqrt(m) + math.sqrt(n)) * math.sqrt(n / m), rel=0.02)
    assert found.entry_rms == pytest.approx(0.02, rel=0.01)


def test_the_norm_is_the_largest_gain_of_the_rms() -> None:
    weight = np.random.default_rng(2).normal(size=(30, 50))
    _, s, v = np.linalg.svd(weight)
    vector = v[0] * 7.0
    gain = math.sqrt(np.mean((weight @ vector) ** 2)) / math.sqrt(np.mean(vector**2))
    assert operator_norm(float(s[0]), 30, 50) == pytest.approx(gain)


def test_a_zero_matrix() -> None:
    found = norms_of(np.zeros(3), 3, 4)
    assert (found.operator, found.stable_rank, found.entry_rms) == (0.0, 0.0, 0.0)
