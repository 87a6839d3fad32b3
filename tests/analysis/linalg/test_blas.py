"""Half products against SciPy's own wrapper, eigenvalues against NumPy's; other threads go on meanwhile."""

import ctypes
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from scipy.linalg import blas

from analysis.linalg import blas as unlocked
from analysis.linalg.blas import NotPublished, add_product, eigenvalues, eigenvectors, routine, without_lock

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
    assert callable(routine("cython_blas", "dsyrk", unlocked.SYRK))
    assert callable(routine("cython_lapack", "dsyevd", unlocked.SYEVD))
    with pytest.raises(NotPublished, match="dsyevd of this SciPy takes void"):
        routine("cython_lapack", "dsyevd", unlocked.SYRK)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "sem_timedwait"), reason="this system has no sem_timedwait")
def test_other_threads_run_while_a_routine_does() -> None:
    """The routine waits for a semaphore that only another thread posts; with the lock held it would time out first."""
    library, semaphore, deadline = ctypes.CDLL(None), np.zeros(32, np.uint8), np.zeros(2, np.int64)
    assert library.sem_init(ctypes.c_void_p(semaphore.ctypes.data), 0, 0) == 0
    deadline[0] = int(time.time()) + 60
    wait = without_lock(ctypes.cast(library.sem_timedwait, ctypes.c_void_p).value or 0, 2)
    posted, after = threading.Event(), list[bool]()

    def run() -> None:
        wait(semaphore, deadline)
        after.append(posted.is_set())

    waiting = threading.Thread(target=run)
    waiting.start()
    posted.set()
    library.sem_post(ctypes.c_void_p(semaphore.ctypes.data))
    waiting.join(90)
    assert after == [True]


MISFITS = """
import numpy as np
from analysis.linalg.blas import add_product, eigenvalues
ones = np.ones
for call in (
    lambda: add_product(np.zeros((2, 2)), ones((4, 400))),
    lambda: add_product(np.zeros((3, 3)), ones((4, 3), np.float32)),
    lambda: add_product(np.zeros((3, 3), np.int64), ones((4, 3), np.int64)),
    lambda: add_product(np.zeros((4, 4)).T[:3, :3], ones((4, 3))),
    lambda: add_product(np.broadcast_to(np.zeros(3), (3, 3)), ones((4, 3))),
    lambda: eigenvalues(np.zeros((5, 2))),
):
    try:
        call()
    except ValueError as error:
        print(str(error).split()[0])
"""


def test_what_does_not_fit_is_refused_also_without_assertions() -> None:
    """In a process of its own: what is written past an array may end it."""
    ended = subprocess.run([sys.executable, "-O", "-c", MISFITS], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["a", "both", "both", "the", "the", "a"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_that_overlap_or_run_backwards_are_copied(dtype: str) -> None:
    drawn = np.random.default_rng(0).standard_normal((6, 4)).astype(dtype)
    window = np.lib.stride_tricks.sliding_window_view(drawn.ravel(), 4)
    for block in (drawn[::-1], drawn[:, ::-1], np.broadcast_to(drawn[0], (6, 4)), window, drawn[::2]):
        gram = np.zeros((4, 4), dtype)
        add_product(gram, block)
        assert np.allclose(np.tril(gram), np.tril(np.array(block).T @ np.array(block)), rtol=1e-5, atol=1e-5)
