"""Diagonal plus low rank, against the formed Gram matrix and its eigenvalues."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from analysis.linalg.kernels import threads
from analysis.linalg.low_rank import LowRank, low_rank
from analysis.linalg.triplets import triplets


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def changed(rows: int, columns: int, rank: int, scale: float = 1.0) -> tuple[Tensor, Tensor, LowRank]:
    """The Gram matrix of base plus update, the base's right vectors, and the same by what is known of the two."""
    base, left, right = gaussian(rows, columns), scale * gaussian(rows, rank, seed=1), gaussian(rank, columns, seed=2)
    known = triplets(base)
    found = low_rank(known.values.square(), known.right.mT @ right.mT, known.right.mT @ base.mT @ left, left)
    tuned = base + left @ right
    return tuned.mT @ tuned, known.right, found


SHAPES = [(30, 30), (50, 30), (31, 30)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [0, 1, 5])
def test_it_is_the_gram_matrix_in_other_coordinates(shape: tuple[int, int], rank: int) -> None:
    gram, axes, found = changed(*shape, rank)
    inside = found.apply(torch.eye(len(found.diagonal), dtype=torch.float64))
    torch.testing.assert_close(axes @ inside @ axes.mT, gram)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [0, 1, 5, 30])
@pytest.mark.parametrize("scale", [1e-6, 0.3, 10.0])
def test_it_knows_how_many_are_above_a_bound(shape: tuple[int, int], rank: int, scale: float) -> None:
    """Between each two eigenvalues, below the last and above the first."""
    gram, _, found = changed(*shape, rank, scale)
    values = torch.linalg.eigvalsh(gram).flip(0)
    places = [2.0 * float(values[0]), *((values[:-1] + values[1:]) / 2.0).tolist(), 0.5 * float(values[-1])]
    for expected, place in enumerate(places):
        assert found.above(place) in ((expected,) if rank < 30 else (expected, None))


def test_a_bound_on_an_eigenvalue_is_not_decided() -> None:
    gram, _, found = changed(30, 30, 3)
    assert found.above(float(found.diagonal[4])) is None
    assert found.above(float(torch.linalg.eigvalsh(gram)[-1])) is None
