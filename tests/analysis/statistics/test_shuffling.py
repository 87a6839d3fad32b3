"""Shuffles keep the entries and nothing else, and are the same everywhere."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from analysis.statistics import shuffling
from analysis.statistics.shuffling import (
    Entries,
    deal,
    entries,
    jensen_shannon,
    largest,
    replicas_for,
    seed_of,
    shuffles,
)
from analysis.weight import Weight, WeightInfo


def weight(slices: Tensor, name: str = "block.0.up") -> Weight:
    count, rows, columns = slices.shape
    return Weight(WeightInfo(name, name, rows, columns, count, "up", 0), slices)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_mean_and_variance_of_the_entries() -> None:
    slices = randn(3, 20, 30) * 2.0 + 5.0
    found, exact = entries(weight(slices)), slices.double()
    assert found.mean == pytest.approx(float(exact.mean()), rel=1e-12)
    assert found.variance == pytest.approx(float(exact.var(unbiased=False)), rel=1e-9)
    assert entries(weight(torch.full((1, 9, 9), 0.25))) == Entries(0.25, 0.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_shuffle_holds_the_same_entries_slice_by_slice(dtype: torch.dtype) -> None:
    slices = randn(2, 7, 5).to(dtype)
    (found,) = shuffles(weight(slices), 0.0, 1.0, 1)
    for before, after in zip(slices, found, strict=True):
        assert torch.equal(before.flatten().sort().values, after.to(dtype).flatten().sort().values)
        assert not torch.equal(before, after.to(dtype))
    (scaled,) = shuffles(weight(slices), 1.0, 2.0, 1)
    assert scaled.double() == pytest.approx((found.double() - 1.0) / 2.0, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("turned", [False, True])
def test_a_large_weight_is_dealt_to_buckets_first(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, turned: bool
) -> None:
    monkeypatch.setattr(shuffling, "NARROW", 100)
    monkeypatch.setattr(shuffling, "CHUNK", 64)
    slices = randn(2, 40, 30).to(dtype)
    slices = slices.mT if turned else slices
    one, again = ([found.clone() for found in shuffles(weight(slices), 0.0, 1.0, 2)] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], one[1])
    for found in one:
        assert (found.dtype, found.shape) == (torch.float32, slices.shape)
        for before, after in zip(slices, found, strict=True):
            assert torch.equal(before.flatten().sort().values, after.to(dtype).flatten().sort().values)


@pytest.mark.parametrize("buckets", [2, 3, 256])
def test_every_order_is_dealt_as_often(monkeypatch: pytest.MonkeyPatch, buckets: int) -> None:
    """24 orders of four entries, 4,800 times: a χ² of 23 degrees is above 49.7 once in a thousand."""
    monkeypatch.setattr(shuffling, "BUCKETS", buckets)
    monkeypatch.setattr(shuffling, "CHUNK", 2)  # one row at a time
    matrix, into, generator = torch.arange(4.0).reshape(2, 2), np.empty(4, np.float32), np.random.default_rng(7)
    seen: dict[tuple[float, ...], int] = {}
    for _ in range(4800):
        deal(matrix, into, generator)
        seen[tuple(into)] = seen.get(tuple(into), 0) + 1
    assert len(seen) == 24
    assert sum((count - 200) ** 2 / 200 for count in seen.values()) < 49.7


def test_the_seed_is_the_name() -> None:
    slices = randn(1, 6, 6)
    assert seed_of(weight(slices)) == 7233188939911565384  # sha256, so that no Python changes it
    one, again = (list(shuffles(weight(slices), 0.0, 1.0, 2)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], one[1])
    (other,) = shuffles(weight(slices, "block.1.up"), 0.0, 1.0, 1)
    assert not torch.equal(one[0], other)


def test_large_weights_are_shuffled_less_often() -> None:
    assert replicas_for(weight(torch.zeros(1, 100, 100)), 5) == 5
    assert replicas_for(weight(torch.zeros(1, 1, 1).expand(1, 4096, 4096)), 5) == 2
    assert replicas_for(weight(torch.zeros(1, 1, 1).expand(1, 4096, 4096)), 1) == 1


@pytest.mark.parametrize("shape", [(1, 40, 60), (1, 300, 700), (9, 20, 10)])
def test_largest_against_the_svd(shape: tuple[int, int, int]) -> None:
    slices = randn(*shape)
    exact = np.sort(np.linalg.svd(slices.double().numpy(), compute_uv=False).ravel()) ** 2
    assert largest(slices)[-3:] == pytest.approx(exact[-3:], rel=1e-5)


def test_jensen_shannon_is_scipys() -> None:
    rng = np.random.default_rng(0)
    one, other = np.sort(rng.exponential(1.0, 50)), np.sort(rng.uniform(size=50))
    one[0] = 0.0
    assert jensen_shannon(one, other) == pytest.approx(float(jensenshannon(one, other)), rel=1e-12)
    assert jensen_shannon(one, one * 7.0) == pytest.approx(0.0, abs=1e-7)
    assert jensen_shannon(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(math.sqrt(math.log(2.0)))
