"""The arithmetic that takes nearly all of the time: Gram matrices and their eigenvalues, by the fastest library there.

On a GPU that is PyTorch's, for whole batches. On the CPU there are two: NumPy and SciPy bring OpenBLAS, PyTorch brings
MKL. OpenBLAS forms half a product in its place (syrk), and is faster at eigenvalues of small matrices; MKL is faster at
those of large ones, and LAPACK's two-stage reduction beats it nowhere (docs/benchmarks.md).

OpenBLAS takes one caller at a time unless it has one thread: then as many as call it. So both libraries are told how
many threads to use, in `threads`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import numpy as np

from analysis.errors import TensorError
from analysis.linalg import blas as unlocked
from analysis.linalg.libraries import limit
from analysis.runtime.arrays import Numbers, as_array, as_tensor
from analysis.runtime.cores import cores
from analysis.runtime.pytorch import Tensor, set_threads, threads_in_use, torch
from analysis.runtime.shapes import Float, Float64

Found = TypeVar("Found")
Some = TypeVar("Some", np.ndarray, Tensor)  # of a Gram matrix the lower triangle is read

SERIAL = 2048  # largest side solved by one thread: more gain nothing, and stall on a busy machine (docs/benchmarks.md)
OPENBLAS = 2048  # largest side whose eigenvalues OpenBLAS finds as fast as MKL (docs/benchmarks.md)
VECTORS_BY_OPENBLAS = 1536  # the same with their vectors
STRIPS = 4  # of a batched product: 1.4 to 1.7 times as fast as the whole, more are no faster (docs/benchmarks.md)
NARROWEST_STRIP = 64  # columns


def add_inner_products(grams: Float[Numbers, "s k k"], block: Float[Numbers, "s b k"]) -> None:
    """Adds BᵀB of each to the lower triangle of its Gram matrix, of the same dtype, in place."""
    if not isinstance(grams, np.ndarray) and not isinstance(block, np.ndarray) and grams.is_cuda:
        _add_strips(grams, block)
    else:
        with suit_threads(grams.shape[-1]):  # so that the last bits hang on no number of threads
            for gram, rows in zip(as_array(grams), as_array(block), strict=True):
                unlocked.add_product(gram, rows)


def _add_strips(grams: Float[Tensor, "s k k"], block: Float[Tensor, "s b k"]) -> None:
    """By strips of columns, each from its diagonal down: of 4 × 4 squares, 6 are never formed."""
    columns = grams.shape[1]
    width = max(NARROWEST_STRIP, -(-columns // STRIPS))
    for start in range(0, columns, width):
        strip = slice(start, start + width)
        grams[:, start:, strip].baddbmm_(block[:, :, start:].mT, block[:, :, strip])


def mirror(lower: Float[Tensor, "k k"]) -> Float[Tensor, "k k"]:
    """The whole of a symmetric matrix of which the lower triangle is good, in place."""
    lower.tril_()
    lower += lower.tril(-1).mT
    return lower


def eigenvalues(grams: Some) -> Some:
    """Ascending eigenvalues (…, k) of each symmetric matrix (…, k, k). Raises TensorError where none are found."""
    if isinstance(grams, np.ndarray):
        return _solve_each(grams)
    if grams.is_cuda:
        values: Float64[Tensor, "*s k"] = solve_converging(torch.linalg.eigvalsh, grams)
        return values
    return as_tensor(_solve_each(as_array(grams)))


def _solve_each(grams: Float64[np.ndarray, "*s k k"]) -> Float64[np.ndarray, "*s k"]:
    solve = unlocked.eigenvalues if grams.shape[-1] <= OPENBLAS else _solve_by_mkl
    values = np.empty(grams.shape[:-1])
    for place in np.ndindex(grams.shape[:-2]):
        values[place] = solve_converging(solve, grams[place])
    return values


def _solve_by_mkl(gram: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, " k"]:
    return as_array(torch.linalg.eigvalsh(as_tensor(gram)))


def eigenvectors(gram: Float64[Tensor, "k k"]) -> tuple[Float64[Tensor, " k"], Float64[Tensor, "k k"]]:
    """Ascending eigenvalues and their vectors, as columns. Raises TensorError where the iteration finds none."""
    if gram.is_cuda or len(gram) > VECTORS_BY_OPENBLAS:
        return solve_converging(lambda given: tuple(torch.linalg.eigh(given)), gram)
    values, vectors = solve_converging(lambda given: unlocked.eigenvectors(given.numpy()), gram)
    return torch.from_numpy(values), torch.from_numpy(vectors)


def singular_values(matrix: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, " p"]:
    """Descending singular values, without the digits that a Gram matrix costs. Raises TensorError where none are."""
    by_mkl = min(matrix.shape) > OPENBLAS
    values: Float64[np.ndarray, " p"] = solve_converging(_singular_by_mkl if by_mkl else _singular_by_openblas, matrix)
    return values


def _singular_by_mkl(matrix: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, " p"]:
    return as_array(torch.linalg.svdvals(as_tensor(matrix)))


def _singular_by_openblas(matrix: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, " p"]:
    values: Float64[np.ndarray, " p"] = np.linalg.svd(matrix, compute_uv=False)
    return values


def triangle(matrix: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "p k"]:
    """R of its QR: min(n, k) rows with the same Gram matrix."""
    return solve_converging(_triangle_by_openblas, matrix)


def _triangle_by_openblas(matrix: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "p k"]:
    return np.asarray(np.linalg.qr(matrix, mode="r"))


def solve_converging(solve: Callable[[Some], Found], matrix: Some) -> Found:
    """What a solver finds, on one thread where that is as fast, or TensorError where its iteration finds nothing."""
    try:
        with suit_threads(min(matrix.shape[-2:])):
            return solve(matrix)
    except (np.linalg.LinAlgError, torch.linalg.LinAlgError) as error:  # type: ignore[attr-defined]  # documented, but missing in its __all__
        raise TensorError(f"the decomposition did not converge: {error}") from error


@contextmanager
def suit_threads(side: int) -> Iterator[None]:
    """Within it there is one thread for matrices of a small side, and for others as many as there were."""
    with threads(1) if side <= SERIAL else ExitStack():
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within it PyTorch and OpenBLAS use that many threads: PyTorch in this thread, OpenBLAS in all."""
    old_count = threads_in_use(cores())
    set_threads(count)
    try:
        with limit(count):
            yield
    finally:
        set_threads(old_count)
