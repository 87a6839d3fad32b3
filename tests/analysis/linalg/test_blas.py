"""Half products against SciPy's own wrapper, eigenvalues against NumPy's; other threads go on meanwhile."""

import threading
import time

import numpy as np
import pytest
from scipy.linalg import blas, cython_blas, cython_lapack

from analysis.linalg import blas as unlocked
from analysis.linalg.blas import NotPublished, add_product, eigenvalues, eigenvectors, routine

WRAPPERS = {"float32": blas.ssyrk, "float64": blas.dsyrk}


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SciPy whose routine takes something else."""
    for name in ("SYRK", "SYEVD"):
        monkeypatch.setattr(unlocked, name, "none")


def laid(rows: int, columns: int, dtype: str, lies: str) -> np.ndarray:
    drawn = np.random.default_rng(rows).standard_normal((rows, columns)).astype(dtype)
    wide = np.zeros((rows + 3, columns + 2), dtype)
    wide[:rows, :columns] = drawn
    return {
        "by rows": drawn,
        "by columns": np.asfortranarray(drawn),
        "within a wider one": wide[:rows, :columns],
        "within a taller one": np.asfortranarray(wide)[:rows, :columns],
        "with gaps": np.stack([drawn, drawn], axis=-1)[..., 0],
    }[lies]


def check(rows: int, columns: int, dtype: str, lies: str) -> None:
    block = laid(rows, columns, dtype, lies)
    before, start = block.copy(), np.full((columns, columns), 0.5, dtype)
    gram = start.copy()
    add_product(gram, block)
    expected = WRAPPERS[dtype](1.0, np.ascontiguousarray(block).T, beta=1.0, c=start.T).T
    assert np.allclose(np.tril(gram), np.tril(expected), rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-4)
    assert np.array_equal(np.triu(gram, 1), np.triu(start, 1))  # never touched
    assert np.array_equal(block, before)


SHAPES = [(1, 1), (7, 1), (1, 5), (40, 30), (5, 200), (300, 130)]
LIES = ["by rows", "by columns", "within a wider one", "within a taller one", "with gaps"]


@pytest.mark.parametrize("lies", LIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_it_is_what_the_wrapper_finds(rows: int, columns: int, dtype: str, lies: str) -> None:
    check(rows, columns, dtype, lies)


def symmetric(size: int) -> np.ndarray:
    drawn = np.random.default_rng(size).standard_normal((size, size))
    return drawn + drawn.T


@pytest.mark.parametrize("size", [1, 2, 33, 120, 384])
def test_the_eigenvalues_are_numpys_and_the_vectors_belong_to_them(size: int) -> None:
    matrix = symmetric(size)
    lower, before = np.tril(matrix) + np.triu(np.full((size, size), np.nan), 1), matrix.copy()
    expected = np.linalg.eigvalsh(matrix)
    values, vectors = eigenvectors(lower)
    assert np.allclose(eigenvalues(lower), expected, rtol=0.0, atol=1e-12 * size)
    assert np.allclose(values, expected, rtol=0.0, atol=1e-12 * size)
    assert np.allclose(vectors * values @ vectors.T, matrix, atol=1e-11 * size)
    assert np.allclose(vectors.T @ vectors, np.eye(size), atol=1e-12 * size)
    assert np.array_equal(np.tril(lower), np.tril(before))


def test_what_never_converges_is_an_error() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="dsyevd gave"):
        eigenvalues(np.full((40, 40), np.nan))


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("lies", LIES)
def test_another_signature_is_never_called(lies: str) -> None:
    check(40, 30, "float64", lies)
    matrix = symmetric(30)
    assert np.array_equal(eigenvalues(matrix), np.linalg.eigvalsh(matrix))
    assert np.array_equal(eigenvectors(matrix)[1], np.linalg.eigh(matrix)[1])


def test_the_addresses_are_used_with_this_scipy() -> None:
    assert callable(routine(cython_blas, "dsyrk", unlocked.SYRK))
    assert callable(routine(cython_lapack, "dsyevd", unlocked.SYEVD))
    with pytest.raises(NotPublished, match="dsyevd of this SciPy takes void"):
        routine(cython_lapack, "dsyevd", unlocked.SYRK)


@pytest.mark.parametrize("work", ["product", "eigenvalues"])
def test_other_threads_go_on_meanwhile(work: str) -> None:
    """A thread that only counts gets on while a tenth of a second is spent in either routine."""
    block, gram, matrix = np.ones((6000, 1024)), np.zeros((1024, 1024)), symmetric(500)

    def long() -> None:
        if work == "product":
            add_product(gram, block)
        else:
            for _ in range(10):
                eigenvalues(matrix)

    add_product(gram[:2, :2].copy(), block[:4, :2].copy())
    busy = threading.Thread(target=long)
    counted = 0
    busy.start()
    while busy.is_alive():
        time.sleep(0.001)
        counted += 1
    assert counted > 25  # 1 and some 10 with the lock held


def test_other_numbers_or_orders_are_no_call() -> None:
    with pytest.raises(AssertionError):
        add_product(np.zeros((3, 3)), np.ones((4, 3), np.float32))
    with pytest.raises(AssertionError):
        add_product(np.zeros((4, 4)).T[:3, :3], np.ones((4, 3)))
