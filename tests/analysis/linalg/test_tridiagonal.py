"""The tridiagonal form and its eigenvectors against the matrix itself, and against NumPy's eigenvalues."""

import numpy as np
import pytest

from analysis.linalg import tridiagonal as module
from analysis.linalg.blas import NotPublished
from analysis.linalg.tridiagonal import Tridiagonal, eigenvectors, largest, reduce, rotate

SIZES = [1, 2, 3, 33, 120]


def symmetric(size: int) -> np.ndarray:
    drawn = np.random.default_rng(size).standard_normal((size, size))
    return drawn + drawn.T


def formed(form: Tridiagonal) -> np.ndarray:
    """T."""
    matrix: np.ndarray = np.diag(form.diagonal) + np.diag(form.beside, 1) + np.diag(form.beside, -1)
    return matrix


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_matrix_rotated(size: int) -> None:
    """Of which the lower triangle is read, and nothing is changed."""
    matrix = symmetric(size)
    lower = np.tril(matrix) + np.triu(np.full((size, size), np.nan), 1)
    before = lower.copy()
    form = reduce(lower)
    rotation = rotate(form, np.eye(size)).T  # its columns: Q e
    assert np.allclose(rotation @ rotation.T, np.eye(size), atol=1e-13 * size)
    assert np.allclose(rotation @ formed(form) @ rotation.T, matrix, atol=1e-12 * size)
    rows = np.random.default_rng(1).standard_normal((4, size))
    assert np.allclose(rotate(form, rows, inverse=True), rows @ rotation)
    assert np.allclose(rotate(form, rows), rows @ rotation.T)
    assert np.array_equal(lower, before, equal_nan=True)


@pytest.mark.parametrize("size", SIZES)
def test_eigenvectors_as_rows(size: int) -> None:
    matrix = symmetric(size)
    form = reduce(matrix)
    values, rows = eigenvectors(form)
    assert np.allclose(values, np.linalg.eigvalsh(matrix), atol=1e-12 * size)
    assert np.allclose(rows @ formed(form), values[:, None] * rows, atol=1e-12 * size)
    assert np.allclose(rows @ rows.T, np.eye(size), atol=1e-12 * size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 5])
def test_the_largest_alone(size: int, count: int) -> None:
    form = reduce(symmetric(size))
    sought = min(count, size)
    values, rows = largest(form, sought)
    expected, vectors = eigenvectors(form)
    assert np.allclose(values, expected[-sought:], atol=1e-12 * size)
    assert np.allclose(np.abs((rows * vectors[-sought:]).sum(axis=1)), 1.0, atol=1e-10)


@pytest.mark.parametrize("name", ["SYTRD", "ORMTR", "STEDC", "STEMR"])
def test_another_signature_is_never_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    form = reduce(symmetric(9))
    monkeypatch.setattr(module, name, "none")
    with pytest.raises(NotPublished):
        rotate(reduce(symmetric(9)), largest(form, 2)[1] + eigenvectors(form)[1][:2])
