"""What is as random and what is not: drawn matrices are, trained ones and orthogonal ones are not."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtr
from torch import Tensor

from analysis.diagnostics.entries import lines, noise
from analysis.diagnostics.entries.noise import Noise, normal
from analysis.linalg.spectrum import decompose
from tests.analysis.diagnostics.battery import randn


def compare(slices: Tensor) -> Noise:
    stacked = slices if slices.ndim == 3 else slices[None]
    found = noise.compare(decompose(stacked), lines.sums(stacked, 0.25), 0.25)
    assert found is not None
    return found


def uniform(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 0.5


@pytest.mark.parametrize(
    "shape", [(1, 16, 64), (1, 64, 64), (1, 200, 90), (1, 96, 384), (9, 32, 32), (9, 64, 16), (25, 16, 24)]
)
def test_drawn_matrices_are_random(shape: tuple[int, int, int]) -> None:
    for seed in range(10):
        assert compare(0.02 * randn(*shape, seed=seed)).random
        assert compare(uniform(*shape, seed=seed)).random


def test_slices_of_different_size_are_no_structure_of_the_spectrum() -> None:
    sizes = torch.linspace(0.2, 2.0, 9)[:, None, None]
    found = compare(randn(9, 32, 32) * sizes)
    assert found.above == 0  # a pooled variance would call the largest slices spikes
    assert not found.random  # but no initialisation makes them differ
    assert found.edge == pytest.approx(float(4.0 * 32 * (randn(9, 32, 32) * sizes)[8].var()), rel=0.01)


def test_structure_is_seen() -> None:
    drawn = randn(96, 96)
    assert not compare(drawn + 0.5 * randn(96, 1, seed=1) @ randn(1, 96, seed=2)).random  # a spike
    assert not compare(drawn * torch.linspace(0.7, 1.3, 96)[:, None]).random  # outputs of different size
    assert not compare(drawn + torch.linspace(-0.4, 0.4, 96)).random  # inputs of different mean
    assert not compare(torch.linalg.qr(drawn).Q).random


def test_a_shift_of_all_entries_is_no_structure() -> None:
    assert compare(randn(128, 128) + 0.19).random
    assert compare(randn(128, 128) + 0.19).above == 1


def test_zero_rows_are_left_out() -> None:
    padded = randn(100, 64)
    padded[3] = 0.0
    assert compare(padded).random


@pytest.mark.parametrize("shape", [(10, 256), (15, 15), (1, 400)])
def test_small_matrices_are_not_judged(shape: tuple[int, int]) -> None:
    assert not compare(randn(*shape)).random


def test_nothing_is_said_of_equal_entries() -> None:
    slices = torch.full((1, 30, 30), 0.3)
    assert noise.compare(decompose(slices), lines.sums(slices, 1.0), 1.0) is None


def test_kurtosis_is_scipys() -> None:
    slices = randn(3, 20, 30) ** 3 + 0.4
    found = noise.peakedness(lines.sums(slices, 2.0), slices.numel())
    assert found == pytest.approx(stats.kurtosis(slices.double().numpy().ravel(), fisher=False))
    assert noise.peakedness(lines.sums(torch.full((1, 9, 9), 0.3), 1.0), 81) is None


def test_the_law_of_the_entries() -> None:
    generator = np.random.default_rng(1)
    assert noise.law_of(generator.normal(0.0, 3.0, 5000)) == "normal"
    assert noise.law_of(generator.uniform(-0.1, 0.1, 5000)) == "uniform"
    assert noise.law_of(generator.laplace(size=5000)) == ""
    assert noise.law_of(generator.normal(1.0, 1.0, 5000)) == ""
    assert noise.law_of(generator.normal(size=100)) == ""


def test_a_few_shares_tell_no_other_law_than_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples near each law and between them, of either type: what is decided early is what all values decide."""
    generator = np.random.default_rng(2)
    normal, uniform = generator.normal(size=2000), generator.uniform(-1.0, 1.0, 2000)
    given = [np.concatenate([normal[:kept], uniform[kept:]]) for kept in range(0, 2001, 250)]
    given += [normal + shift for shift in (0.02, 0.05, 0.1)] + [normal.round(1), np.abs(normal), -np.abs(uniform)]
    given += [one.astype(np.float32) for one in given]
    found = [noise.law_of(one) for one in given]
    assert set(found) == {"normal", "uniform", ""}
    monkeypatch.setattr(noise, "POINTS", ())
    assert found == [noise.law_of(one) for one in given]


def test_the_normal_distribution_is_scipys() -> None:
    points = np.linspace(-9.0, 9.0, 181)
    assert np.allclose(normal(points), ndtr(points), rtol=1e-13, atol=0.0)
