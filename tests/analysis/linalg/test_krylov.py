"""The largest eigenvalues from products alone, against numpy's full decomposition."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.linalg.kernels import threads
from analysis.linalg.krylov import Ritz, Space, krylov, ritz, spaces


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


def symmetric(values: Tensor) -> Tensor:
    side = len(values)
    turn = torch.linalg.qr(torch.randn(side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    matrix: Tensor = turn * values @ turn.mT
    return matrix


def start(rows: int, side: int) -> Tensor:
    return torch.randn(rows, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def small(found: Ritz) -> bool:
    return float(found.residuals.max()) < 1e-9


@pytest.mark.parametrize("block", [1, 4])
def test_they_are_numpys(block: int) -> None:
    matrix = symmetric(torch.linspace(-1.0, 2.0, 150, dtype=torch.float64).exp())
    found = krylov(lambda rows: rows @ matrix, start(block, 150), 6, small, 150)
    assert found is not None
    values, vectors = np.linalg.eigh(matrix.numpy())
    np.testing.assert_allclose(found.values.numpy(), values[::-1][:6], rtol=1e-12)
    cosines = np.abs((found.vectors.numpy() * vectors[:, ::-1][:, :6].T).sum(axis=1))
    np.testing.assert_allclose(cosines, 1.0, atol=1e-12)
    again = (found.vectors @ matrix - found.values[:, None] * found.vectors).norm(dim=1)
    torch.testing.assert_close(found.residuals, again, rtol=0.0, atol=1e-12)


def test_equal_eigenvalues_are_found_as_often_as_the_block_is_wide() -> None:
    matrix = symmetric(torch.tensor([3.0, 3.0, 3.0, *np.linspace(0.0, 1.0, 77)], dtype=torch.float64))
    found = krylov(lambda rows: rows @ matrix, start(4, 80), 3, small, 80)
    assert found is not None
    assert found.values.tolist() == pytest.approx([3.0, 3.0, 3.0])


def test_an_invariant_space_ends_it() -> None:
    """Of a matrix with three eigenvalues, a single vector sees three directions and no fourth."""
    matrix = torch.diag(torch.tensor([1.0, 2.0, 3.0] * 20, dtype=torch.float64))
    assert krylov(lambda rows: rows @ matrix, start(1, 60), 4, small, 60) is None
    found = krylov(lambda rows: rows @ matrix, start(1, 60), 3, small, 60)
    assert found is not None
    assert found.values.tolist() == pytest.approx([3.0, 2.0, 1.0])


def test_no_answer_where_the_room_is_too_small() -> None:
    matrix = symmetric(torch.linspace(0.99, 1.0, 100, dtype=torch.float64))
    assert krylov(lambda rows: rows @ matrix, start(2, 100), 5, small, 20) is None


def test_a_space_of_dependent_rows_is_cleaned() -> None:
    matrix = symmetric(torch.linspace(0.0, 1.0, 40, dtype=torch.float64).exp())
    rows = start(1, 40)
    found = krylov(lambda x: x @ matrix, torch.cat([rows, rows, rows]), 2, small, 40)
    assert found is not None
    assert found.values.tolist() == pytest.approx(torch.linalg.eigvalsh(matrix).flip(0)[:2].tolist())


def test_rayleigh_and_ritz_in_a_space_that_holds_them() -> None:
    matrix = symmetric(torch.arange(1.0, 21.0, dtype=torch.float64))
    space = torch.linalg.eigh(matrix).eigenvectors.mT[10:]
    images = space @ matrix
    found = ritz(Space(space, images, images @ space.mT), 3)
    assert found.values.tolist() == pytest.approx([20.0, 19.0, 18.0])
    assert float(found.residuals.max()) < 1e-12
    assert len(found.first(2).vectors) == 2


def test_spaces_grow_and_hold_what_they_say() -> None:
    matrix = symmetric(torch.linspace(0.0, 1.0, 50, dtype=torch.float64).exp())
    grown = list(spaces(lambda rows: rows @ matrix, start(3, 50), 12, 30))
    assert [len(space.basis) for space in grown] == sorted({len(space.basis) for space in grown})
    for space in grown:
        assert len(space.basis) >= 12
        torch.testing.assert_close(space.basis @ space.basis.mT, torch.eye(len(space.basis), dtype=torch.float64))
        torch.testing.assert_close(space.images, space.basis @ matrix)
        torch.testing.assert_close(space.inner.tril(), (space.basis @ matrix @ space.basis.mT).tril())
