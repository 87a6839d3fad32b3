"""Singular triplets against scipy, and of products against the formed matrix."""

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg
import torch

from analysis.errors import NotFinite
from analysis.linalg import triplets as module
from analysis.linalg.kernels import threads
from analysis.linalg.triplets import product_triplets, triplets


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (16, 16), (1, 9)])
def test_they_are_scipys(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = triplets(matrix)
    values = scipy.linalg.svd(matrix.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(found.values.numpy(), values, rtol=1e-12)
    torch.testing.assert_close(found.left @ found.values.diag() @ found.right.mT, matrix.double())


@pytest.mark.parametrize("rank", [1, 3, 12])
def test_a_product_needs_no_forming(rank: int) -> None:
    generator = torch.Generator().manual_seed(rank)
    left, right = torch.randn(20, rank, generator=generator), torch.randn(rank, 9, generator=generator)
    found = product_triplets(left, right)
    assert len(found.values) == min(rank, 9)
    formed = left.double() @ right.double()
    torch.testing.assert_close(found.left @ found.values.diag() @ found.right.mT, formed)
    torch.testing.assert_close(found.values, torch.linalg.svdvals(formed)[: len(found.values)])


def test_what_is_not_finite_is_named() -> None:
    with pytest.raises(NotFinite, match="1 of 6 values"):
        triplets(torch.tensor([[1.0, 2.0, 3.0], [4.0, float("nan"), 6.0]]))


def steep(side: int, power: float) -> torch.Tensor:
    """Singular values i^-power, exactly to rounding."""
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.linalg.qr(torch.randn(side, side, generator=generator, dtype=torch.float64)).Q for _ in "uv")
    matrix: torch.Tensor = left * torch.arange(1.0, side + 1.0, dtype=torch.float64).pow(-power) @ right.mT
    return matrix


def gaussian(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


BY_GRAM = {
    "square": gaussian(120, 120),
    "tall": gaussian(200, 90),
    "wide": gaussian(90, 200),
    "decaying": steep(100, 0.5),
    "steep": steep(100, 1.5),
    "one weak": steep(80, 0.5) - 1e-9 * torch.eye(80, dtype=torch.float64),
    "rank 70 of 90": gaussian(100, 70) @ gaussian(70, 90),
    "dead columns": torch.cat([gaussian(90, 80), torch.zeros(90, 10, dtype=torch.float64)], dim=1),
    "identity": torch.eye(60, dtype=torch.float64),
    "tiny": 1e-140 * gaussian(70, 70),
    "huge": 1e140 * gaussian(70, 70),
}


@pytest.mark.parametrize("name", BY_GRAM)
def test_large_ones_go_by_the_gram_matrix_and_are_as_good(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values as scipy's, both sides orthonormal, also where W v / σ would not be, and the matrix comes out again."""
    monkeypatch.setattr(module, "SMALL", 0)
    matrix = BY_GRAM[name]
    one = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    assert module._by_gram(one) is not None
    found = triplets(matrix)
    values = scipy.linalg.svd(matrix.numpy(), compute_uv=False)
    np.testing.assert_allclose(found.values.numpy(), values, rtol=0.0, atol=1e-13 * values[0])
    for vectors in (found.left, found.right):
        torch.testing.assert_close(
            vectors.mT @ vectors, torch.eye(len(values), dtype=torch.float64), rtol=0, atol=1e-12
        )
    again = found.left * found.values @ found.right.mT
    assert float((again - matrix).abs().max()) <= 1e-12 * values[0]


def test_where_most_directions_are_weak_an_svd_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 0)
    matrix = steep(60, 6.0)
    assert module._by_gram(matrix) is None
    values = scipy.linalg.svd(matrix.numpy(), compute_uv=False)
    np.testing.assert_allclose(triplets(matrix).values.numpy(), values, rtol=0.0, atol=1e-15)
    assert float(triplets(torch.zeros(9, 7)).values.sum()) == 0.0


def test_the_first_and_the_transpose() -> None:
    found = triplets(gaussian(9, 6))
    first = found.first(2).turned
    assert torch.equal(first.left, found.right[:, :2])
    assert torch.equal(first.right, found.left[:, :2])
    assert torch.equal(first.values, found.values[:2])
