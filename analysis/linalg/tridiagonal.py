"""A symmetric matrix made tridiagonal, G = Q T Qᵀ, and the eigenvectors of T: by LAPACK, without Python's lock.

Called at the addresses that SciPy publishes, as in `analysis.linalg.blas`. Vectors lie by rows here, which are columns
to Fortran.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.linalg.blas import routine
from analysis.runtime.shapes import Float64

# uplo, n, a, lda, d, e, tau, work, lwork, info
SYTRD = r"void \(char \*, int \*, (\S+) \*, int \*, \1 \*, \1 \*, \1 \*, \1 \*, int \*, int \*\)"
# side, uplo, trans, m, n, a, lda, tau, c, ldc, work, lwork, info
ORMTR = (
    r"void \(char \*, char \*, char \*, int \*, int \*, (\S+) \*, int \*, \1 \*, \1 \*, int \*, \1 \*, int \*, int \*\)"
)
# compz, n, d, e, z, ldz, work, lwork, iwork, liwork, info
STEDC = r"void \(char \*, int \*, (\S+) \*, \1 \*, \1 \*, int \*, \1 \*, int \*, int \*, int \*, int \*\)"
# jobz, range, n, d, e, vl, vu, il, iu, m, w, z, ldz, nzc, isuppz, tryrac, work, lwork, iwork, liwork, info
STEMR = (
    r"void \(char \*, char \*, int \*, (\S+) \*, \1 \*, \1 \*, \1 \*, int \*, int \*, int \*, \1 \*, \1 \*, int \*, "
    r"int \*, int \*, (?:int|bint) \*, \1 \*, int \*, int \*, int \*, int \*\)"
)


@dataclass(frozen=True)
class Tridiagonal:
    """G = Q T Qᵀ: a symmetric matrix as Householder reflectors and a tridiagonal one."""

    reflectors: Float64[np.ndarray, "k k"]
    factors: Float64[np.ndarray, " f"]  # of the reflectors
    diagonal: Float64[np.ndarray, " k"]
    beside: Float64[np.ndarray, " l"]  # the k - 1 next to the diagonal


def reduce(gram: Float64[np.ndarray, "k k"]) -> Tridiagonal:
    """The symmetric matrix of which the lower triangle is good (dsytrd). Raises NotPublished."""
    size, info = len(gram), ctypes.c_int(0)
    run = routine("cython_lapack", "dsytrd", SYTRD)
    matrix = np.array(gram, dtype=np.float64, order="C")
    diagonal, beside, factors = np.empty(size), np.empty(max(0, size - 1)), np.empty(max(1, size - 1))
    given = (b"U", size, matrix, size, diagonal, beside, factors)
    _with_workspace(lambda work, length: run(*given, work, length, info))
    return Tridiagonal(matrix, factors, diagonal, beside)


def rotate(form: Tridiagonal, rows: Float64[np.ndarray, "d k"], inverse: bool = False) -> Float64[np.ndarray, "d k"]:
    """Q x of each row x, or Qᵀ x (dormtr). Raises NotPublished."""
    (count, size), info = rows.shape, ctypes.c_int(0)
    run = routine("cython_lapack", "dormtr", ORMTR)
    turned = np.array(rows, dtype=np.float64, order="C")
    given = (b"L", b"U", b"T" if inverse else b"N", size, count, form.reflectors, size, form.factors, turned, size)
    _with_workspace(lambda work, length: run(*given, work, length, info))
    return turned


def eigenvectors(form: Tridiagonal) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "k k"]]:
    """Ascending eigenvalues of T and their vectors, as rows, by divide and conquer (dstedc).

    Raises NotPublished, and LinAlgError where the iteration finds none.
    """
    size, info = len(form.diagonal), ctypes.c_int(0)
    run = routine("cython_lapack", "dstedc", STEDC)
    values, beside, rows = form.diagonal.copy(), np.append(form.beside, 0.0), np.empty((size, size))
    work, places = np.empty(1), np.empty(1, dtype=np.intc)
    run(b"I", size, values, beside, rows, size, work, -1, places, -1, info)
    work, places = np.empty(int(work[0])), np.empty(int(places[0]), dtype=np.intc)
    run(b"I", size, values, beside, rows, size, work, len(work), places, len(places), info)
    if info.value != 0:
        raise np.linalg.LinAlgError(f"LAPACK's dstedc gave {info.value}")
    return values, rows


def largest(form: Tridiagonal, count: int) -> tuple[Float64[np.ndarray, " c"], Float64[np.ndarray, "c k"]]:
    """The `count` largest eigenvalues of T, ascending, and their vectors, as rows (dstemr).

    Raises NotPublished, and LinAlgError where the iteration finds none.
    """
    size, info, found = len(form.diagonal), ctypes.c_int(0), ctypes.c_int(0)
    run = routine("cython_lapack", "dstemr", STEMR)
    diagonal, beside = form.diagonal.copy(), np.append(form.beside, 0.0)
    values, rows = np.empty(size), np.empty((count, size))
    support, nowhere, careful = np.empty(2 * count, dtype=np.intc), ctypes.c_double(0.0), ctypes.c_int(1)
    given = (b"V", b"I", size, diagonal, beside, nowhere, nowhere, size - count + 1, size)
    given_too = (found, values, rows, size, count, support, careful)
    work, places = np.empty(max(1, 18 * size)), np.empty(max(1, 10 * size), dtype=np.intc)
    run(*given, *given_too, work, len(work), places, len(places), info)
    if info.value != 0 or found.value != count:
        raise np.linalg.LinAlgError(f"LAPACK's dstemr gave {info.value} and {found.value} of {count}")
    return values[:count], rows


def _with_workspace(run: Callable[[np.ndarray, int], None]) -> None:
    """Runs it with as much room as it asks for."""
    work = np.empty(1)
    run(work, -1)
    work = np.empty(max(1, int(work[0])))
    run(work, len(work))
