"""A matrix made tridiagonal, against its singular vectors by an SVD: near-degenerate, low-rank, tall and wide ones."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.errors import NotFinite
from analysis.linalg.kernels import threads
from analysis.linalg.reduction import Reduction, largest, reduction


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_values(values: Tensor, rows: int, columns: int) -> Tensor:
    left, right = (torch.linalg.qr(gaussian(n, len(values), seed=i)).Q for i, n in enumerate((rows, columns), 1))
    matrix: Tensor = (left * values) @ right.mT
    return matrix


def reduced(matrix: Tensor) -> Reduction:
    found = reduction(matrix)
    assert found is not None
    return found


SHAPES = [(40, 40), (70, 40), (40, 70), (41, 40), (1, 1), (5, 1), (1, 5), (2, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_what_lies_along_each_singular_vector(shape: tuple[int, int], dtype: torch.dtype) -> None:
    matrix = gaussian(*shape).to(dtype)
    u, values, vt = torch.linalg.svd(matrix.double(), full_matrices=False)
    found = reduced(matrix)
    np.testing.assert_allclose(found.values.numpy(), values.numpy(), rtol=1e-8)
    x, y = gaussian(shape[0], 3, seed=5), gaussian(shape[1], 2, seed=6)
    torch.testing.assert_close(found.along_left(x).abs(), (u.mT @ x).abs(), atol=1e-8, rtol=0.0)
    torch.testing.assert_close(found.along_right(y).abs(), (vt @ y).abs(), atol=1e-8, rtol=0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_its_leading_vectors_are_its_own_axes(shape: tuple[int, int]) -> None:
    matrix = gaussian(*shape)
    found = reduced(matrix)
    count = min(3, *shape)
    first = found.leading(count)
    torch.testing.assert_close(matrix @ first.right, first.left * first.values)
    eye = torch.eye(len(found.values), count, dtype=torch.float64)
    torch.testing.assert_close(found.along_left(first.left), eye, atol=1e-8, rtol=0.0)
    torch.testing.assert_close(found.along_right(first.right), eye, atol=1e-8, rtol=0.0)
    short = first.left if found.wide else first.right
    torch.testing.assert_close(found.combine(eye, left=found.wide), short)


@pytest.mark.parametrize("shape", [(60, 60), (90, 60), (60, 90)])
@pytest.mark.parametrize("steepness", [0.0, 0.5, 2.0, 3.0])
def test_the_bounds_on_the_vectors_hold(shape: tuple[int, int], steepness: float) -> None:
    """Against an SVD in float64, which does not square: a steep spectrum costs the long side its weak vectors."""
    matrix = with_values(torch.arange(1.0, 61.0).double().pow(-steepness) + torch.linspace(0.3, 0.0, 60), *shape)
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    found = reduced(matrix)
    for along, axes, errors in (
        (found.along_left, u, found.errors(left=True)),
        (found.along_right, vt.mT, found.errors(left=False)),
    ):
        distances = (along(axes).abs() - torch.eye(60, dtype=torch.float64)).norm(dim=1)
        assert (distances <= errors + 1e-10).all(), (distances / errors).max()


def test_equal_singular_values_have_no_certain_vectors() -> None:
    found = reduced(with_values(torch.tensor([5.0, 3.0, 3.0, 1.0]).double(), 6, 4))
    assert found.errors(left=False)[1:3].tolist() == pytest.approx([2.0**0.5] * 2)
    assert float(found.errors(left=False)[[0, 3]].max()) < 1e-12


@pytest.mark.parametrize(
    "matrix",
    [
        torch.zeros(8, 5),
        torch.ones(8, 5),
        gaussian(40, 3) @ gaussian(3, 30, seed=1),
        torch.cat([gaussian(30, 9), torch.zeros(30, 1).double()], dim=1),
        with_values(torch.logspace(0, -12, 20).double(), 30, 20),
    ],
)
def test_a_rank_that_cannot_be_told_has_none(matrix: Tensor) -> None:
    assert reduction(matrix) is None


@pytest.mark.parametrize("shape", [(60, 60), (90, 60), (60, 90)])
@pytest.mark.parametrize("count", [1, 7, 60])
def test_the_largest_without_the_others(shape: tuple[int, int], count: int) -> None:
    matrix = gaussian(*shape)
    u, values, vt = torch.linalg.svd(matrix, full_matrices=False)
    found = largest(matrix, count)
    assert found is not None
    np.testing.assert_allclose(found.triplets.values.numpy(), values[:count].numpy(), rtol=1e-9)
    for ours, theirs in ((found.triplets.left, u), (found.triplets.right, vt.mT)):
        cosines = (ours * theirs[:, :count]).sum(dim=0).abs()
        torch.testing.assert_close(cosines, torch.ones(count, dtype=torch.float64), atol=1e-6, rtol=0.0)
    ratio = found.following / float(found.squares[0])
    assert ratio == pytest.approx(float(values[count] / values[0]) ** 2 if count < 60 else 0.0, rel=1e-9)


def test_none_of_equal_ones_is_missed() -> None:
    """Of eight equal values eight are found, as orthonormal vectors of their space."""
    values = torch.cat([torch.full((8,), 3.0), torch.linspace(1.0, 0.1, 52)]).double()
    matrix = with_values(values, 60, 60)
    found = largest(matrix, 10)
    assert found is not None
    assert found.triplets.values[:9].tolist() == pytest.approx([3.0] * 8 + [1.0])
    left = found.triplets.left
    torch.testing.assert_close(left.mT @ left, torch.eye(10, dtype=torch.float64), atol=1e-9, rtol=0.0)


def test_a_zero_matrix_has_none() -> None:
    assert largest(torch.zeros(9, 9), 3) is None


def test_what_is_not_finite_is_refused() -> None:
    matrix = gaussian(6, 6)
    matrix[1, 1] = float("nan")
    for find in (reduction, lambda given: largest(given, 2)):
        with pytest.raises(NotFinite, match="1 of 36"):
            find(matrix)


@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
def test_scale_does_not_matter(scale: float) -> None:
    matrix = gaussian(20, 15)
    found, plain = reduced(matrix * scale), reduced(matrix)
    np.testing.assert_allclose((found.values / scale).numpy(), plain.values.numpy(), rtol=1e-9)
    torch.testing.assert_close(found.errors(left=True), plain.errors(left=True), rtol=1e-3, atol=0.0)
