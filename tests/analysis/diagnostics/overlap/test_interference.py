"""Interference of two updates against OPCM's own steps on dense matrices."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.overlap.interference import interference, leading
from analysis.linalg.triplets import product_triplets, triplets


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps(first: np.ndarray, second: np.ndarray, share: float) -> tuple[float, float, float]:
    """Project, cut, transform back, as the paper does it: block, diagonal and removed share of a full-rank first."""
    u, s, vt = np.linalg.svd(first)
    sums = np.cumsum(s)
    k = int(np.argmax(sums / sums[-1] > share))  # s.sum() adds in another order: the last may then be above 1
    z = u.T @ second @ vt.T
    whole = np.linalg.norm(second) ** 2
    block, diagonal = np.linalg.norm(z[:k, :k]) ** 2 / whole, np.square(np.diagonal(z)).sum() / whole
    np.fill_diagonal(z, 0.0)
    z[:k, :k] = 0.0
    return float(block), float(diagonal), float(1.0 - np.linalg.norm(u @ z @ vt) ** 2 / whole)


@pytest.mark.parametrize("shape", [(14, 9), (9, 14), (10, 10)])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_equal_to_the_papers_steps(shape: tuple[int, int], share: float) -> None:
    first, second = randn(*shape), randn(*shape, seed=1) + 0.5 * randn(*shape)
    found = interference(triplets(first), triplets(second), share)
    assert found is not None
    block, diagonal, removed = steps(first.numpy(), second.numpy(), share)
    assert (found.block, found.diagonal, found.removed) == pytest.approx((block, diagonal, removed), rel=1e-9)


@pytest.mark.parametrize(("r1", "r2"), [(1, 1), (2, 5), (5, 2)])
def test_factors_say_the_same_as_the_formed_matrices(r1: int, r2: int) -> None:
    one = randn(30, r1), randn(r1, 20, seed=1)
    other = randn(30, r2, seed=2), randn(r2, 20, seed=3)
    thin = interference(product_triplets(*one), product_triplets(*other), 0.5)
    dense = interference(triplets(one[0] @ one[1]), triplets(other[0] @ other[1]), 0.5)
    assert thin is not None
    assert dense is not None
    for name in ("block", "diagonal", "removed", "cosine", "signature"):
        assert getattr(thin, name) == pytest.approx(getattr(dense, name), abs=1e-12), name


@pytest.mark.parametrize("mix", [-1.0, -0.3, 0.0, 0.7, 3.0])
def test_cosine_and_signature_are_those_of_long_vectors(mix: float) -> None:
    first = randn(12, 8)
    second = mix * first + randn(12, 8, seed=1)
    found, turned = (interference(triplets(a), triplets(b), 0.5) for a, b in ((first, second), (second, first)))
    assert found is not None
    assert turned is not None
    a, b = first.flatten().numpy(), second.flatten().numpy()
    assert found.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-12)
    assert found.signature == pytest.approx(np.linalg.norm(b - a * (a @ b) / (a @ a)) / np.linalg.norm(b), abs=1e-12)
    assert turned.cosine == pytest.approx(found.cosine, abs=1e-12)
    assert turned.signature == pytest.approx(found.signature, abs=1e-12)


def test_the_same_again_is_along_it_and_removed_whole() -> None:
    update = triplets(randn(9, 6))
    found = interference(update, update, 0.5)
    assert found is not None
    assert (found.cosine, found.diagonal, found.removed) == pytest.approx((1.0, 1.0, 1.0))
    assert found.signature == pytest.approx(0.0, abs=1e-7)


def test_at_right_angles_nothing_is_removed() -> None:
    left, right = torch.linalg.qr(randn(12, 4)).Q, torch.linalg.qr(randn(9, 4, seed=1)).Q
    one, other = left[:, :2] @ right[:, :2].mT, left[:, 2:] @ right[:, 2:].mT
    found = interference(triplets(one), triplets(other), 1.0)
    assert found is not None
    assert (found.block, found.diagonal, found.removed, found.cosine) == pytest.approx((0.0,) * 4, abs=1e-12)
    assert found.signature == pytest.approx(1.0)


def test_zero_has_no_interference() -> None:
    zero, update = triplets(torch.zeros(4, 3)), triplets(randn(4, 3))
    assert interference(zero, update, 0.5) is None
    assert interference(update, zero, 0.5) is None


def test_the_leading_directions_are_counted_as_coded() -> None:
    """The place of the first sum above the share, counted from 0: a rank-1 update has no leading ones."""
    four = triplets(torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0])))  # sums .4 .7 .9 1
    assert [leading(four, share) for share in (0.0, 0.35, 0.5, 0.75, 0.95, 1.0)] == [0, 0, 1, 2, 3, 0]
    assert leading(triplets(torch.ones(3, 3)), 0.5) == 0
