"""Routines of BLAS and LAPACK that leave the interpreter to other threads while they run.

SciPy's own wrappers keep the interpreter's lock as long as a routine takes, and NumPy's eigenvalues do up to a side of
500: of two tensors measured at once one then waits for the other all the time (docs/benchmarks.md). SciPy publishes the
routines' C addresses too, for `scipy.LowLevelCallable` and the like; ctypes lets go of the lock when it calls them.
A matrix that lies by rows is its transpose to Fortran: what is upper there is lower here.
"""

import ctypes
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from analysis.linalg import addresses
from analysis.linalg.libraries import tell_new_ones
from analysis.runtime.shapes import Float, Float64

Routine = Callable[..., None]

# uplo, trans, n, k, alpha, a, lda, beta, c, ldc
SYRK = r"void \(char \*, char \*, int \*, int \*, (\S+) \*, \1 \*, int \*, \1 \*, \1 \*, int \*\)"
# jobz, uplo, n, a, lda, w, work, lwork, iwork, liwork, info
SYEVD = r"void \(char \*, char \*, int \*, (\S+) \*, int \*, \1 \*, \1 \*, int \*, int \*, int \*, int \*\)"
SYRK_OF = {"float32": ("ssyrk", ctypes.c_float), "float64": ("dsyrk", ctypes.c_double)}


class NotPublished(RuntimeError):
    """Another signature than is known, in another SciPy: NumPy does it then, with the lock held."""


def add_product(gram: Float[np.ndarray, "k k"], block: Float[np.ndarray, "b k"]) -> None:
    """Adds BᵀB to the lower triangle of a Gram matrix that lies by rows, of the same dtype, in place.

    Raises ValueError where the two do not fit: the routine gets addresses alone, and would write past the array.
    """
    _check(gram, block)
    if not _is_regular(block):
        block = np.ascontiguousarray(block)
    name, real = SYRK_OF[gram.dtype.name]
    try:
        add = routine("cython_blas", name, SYRK)
    except NotPublished:
        gram += np.tril(block.T @ block)
        return
    rows, columns = block.shape
    by_rows, stride = _lies(block)
    add(b"U", b"N" if by_rows else b"T", columns, rows, real(1.0), block, stride, real(1.0), gram, columns)


def _check(gram: np.ndarray, block: np.ndarray) -> None:
    if block.ndim != 2 or gram.shape != (block.shape[1], block.shape[1]):
        raise ValueError(f"a block of shape {block.shape} needs a square Gram matrix of its columns, not {gram.shape}")
    if gram.dtype != block.dtype or gram.dtype.name not in SYRK_OF:
        raise ValueError(f"both must be float32 or both float64, not {gram.dtype} and {block.dtype}")
    if not gram.flags.c_contiguous or not gram.flags.writeable:
        raise ValueError("the Gram matrix must be contiguous by rows, and writeable")


def _is_regular(block: Float[np.ndarray, "b k"]) -> bool:
    """Whether its rows or its columns are contiguous and follow each other without overlap, as BLAS takes them."""
    (rows, columns), (down, across) = block.shape, (stride // block.itemsize for stride in block.strides)
    return (across == 1 and down >= columns) or (down == 1 and across >= rows)


def _lies(block: Float[np.ndarray, "b k"]) -> tuple[bool, int]:
    """Whether it lies by rows, else by columns; and how far the next one is, in numbers."""
    down, across = (stride // block.itemsize for stride in block.strides)
    return (True, max(down, block.shape[1])) if across == 1 else (False, max(across, block.shape[0]))


def eigenvalues(gram: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, " k"]:
    """Ascending eigenvalues of the symmetric matrix of which the lower triangle is good. Raises LinAlgError."""
    try:
        return _solve(b"N", gram)[0]
    except NotPublished:
        return np.linalg.eigvalsh(gram)


def eigenvectors(gram: Float64[np.ndarray, "k k"]) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "k k"]]:
    """The same, and their vectors as columns."""
    try:
        return _solve(b"V", gram)
    except NotPublished:
        values, vectors = np.linalg.eigh(gram)
        return values, vectors


def _solve(
    job: bytes, gram: Float64[np.ndarray, "k k"]
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "k k"]]:
    """By divide and conquer, like NumPy's; the second is rubbish where no vectors are asked for."""
    size = len(gram)
    if gram.shape != (size, size):
        raise ValueError(f"a square matrix is needed, not {gram.shape}")
    solve, info = routine("cython_lapack", "dsyevd", SYEVD), ctypes.c_int(0)
    matrix, values = np.array(gram, dtype=np.float64, order="C"), np.empty(size)
    work, places = np.empty(1), np.empty(1, dtype=np.intc)
    solve(job, b"U", size, matrix, size, values, work, -1, places, -1, info)  # how much room it wants
    work, places = np.empty(int(work[0])), np.empty(int(places[0]), dtype=np.intc)
    solve(job, b"U", size, matrix, size, values, work, len(work), places, len(places), info)
    if info.value != 0:
        raise np.linalg.LinAlgError(f"LAPACK's dsyevd gave {info.value}")
    return values, matrix.T  # its columns lie by rows here


@cache
def routine(library: str, name: str, signature: str) -> Routine:
    """Called with numbers, bytes, arrays and ctypes' own, all of which it gets by address. Raises NotPublished.

    `library` is "cython_blas" or "cython_lapack", of scipy.linalg: a program should not wait for SciPy to start.
    """
    try:
        address, declared = addresses.find(library, name)
    except KeyError:
        raise NotPublished(f"this SciPy has no {name}") from None
    tell_new_ones()
    if re.fullmatch(signature, declared) is None:
        raise NotPublished(f"{name} of this SciPy takes {declared}")
    return without_lock(address, declared.count(",") + 1)


def without_lock(address: int, arguments: int) -> Routine:
    """The function at an address, called without the interpreter's lock; every argument goes by address."""
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)(address)
    return lambda *given: call(*map(_by_address, given))


def _by_address(given: Any) -> Any:
    """What lives until the call is over: `given` is held by the caller, the rest by what byref gives."""
    if isinstance(given, np.ndarray):
        return given.ctypes.data
    if isinstance(given, bytes):
        return ctypes.byref(ctypes.c_char(given))
    return ctypes.byref(ctypes.c_int(given) if isinstance(given, int) else given)
