"""Diagonal plus low rank, against the formed matrix and its singular values."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from analysis.linalg.kernels import threads
from analysis.linalg.low_rank import LowRank, low_rank
from analysis.linalg.triplets import product_triplets, triplets


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def changed(rows: int, columns: int, rank: int, scale: float = 1.0) -> tuple[Tensor, LowRank]:
    base, left, right = gaussian(rows, columns), gaussian(rows, rank, seed=1), gaussian(rank, columns, seed=2)
    update = product_triplets(scale * left, right)
    return base + scale * left @ right, low_rank(triplets(base), update)


SHAPES = [(30, 30), (50, 30), (30, 50), (31, 30), (30, 31)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [1, 5])
def test_it_is_the_formed_matrix_in_other_coordinates(shape: tuple[int, int], rank: int) -> None:
    matrix, found = changed(*shape, rank)
    c = found.apply_transposed(torch.eye(len(found.p), dtype=torch.float64))  # its rows: Cᵀ eᵢ
    torch.testing.assert_close(found.left @ c @ found.right.mT, matrix)
    torch.testing.assert_close(found.apply(torch.eye(len(found.q), dtype=torch.float64)).mT, c)
    for axes in (found.left, found.right):
        assert axes.shape[1] <= axes.shape[0]
        torch.testing.assert_close(axes.mT @ axes, torch.eye(axes.shape[1], dtype=torch.float64))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_singular_values_above_any_bound_are_counted(shape: tuple[int, int], scale: float) -> None:
    matrix, found = changed(*shape, 3, scale)
    values = torch.linalg.svdvals(matrix)
    middles = ((values[1:] + values[:-1]) / 2.0).tolist()
    bounds = [*middles, 1.01 * float(values[0]), 0.99 * float(values[-1])]
    assert [found.above(bound) for bound in bounds] == [*range(1, len(values)), 0, len(values)]


def test_where_rounding_decides_nothing_is_said() -> None:
    matrix, found = changed(20, 20, 2)
    assert found.above(float(found.diagonal[3])) is None  # the pole of the base
    assert found.above(float(torch.linalg.svdvals(matrix)[0])) is None  # neither above nor below


def test_no_update_is_the_base() -> None:
    base = triplets(gaussian(12, 9))
    nothing = product_triplets(gaussian(12, 2), gaussian(2, 9)).first(0)
    found = low_rank(base, nothing)
    assert found.above(float(base.values[4] + base.values[5]) / 2.0) == 5
    rows = gaussian(3, 9)
    torch.testing.assert_close(found.apply(rows), rows * base.values)
