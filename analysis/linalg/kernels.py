"""The arithmetic that takes nearly all of the time: Gram matrices and their eigenvalues, by the fastest library there.

On a GPU that is PyTorch's, for whole batches. On the CPU there are two: NumPy and SciPy bring OpenBLAS, PyTorch brings
MKL. OpenBLAS forms half a product in its place (syrk), and is faster at eigenvalues of small matrices; MKL is faster at
those of large ones, and LAPACK's two-stage reduction beats it nowhere (docs/benchmarks.md).

OpenBLAS takes one caller at a time unless it has one thread: then as many as call it. So both libraries are told how
many threads to use, in `threads`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64
from threadpoolctl import ThreadpoolController
from torch import Tensor

from analysis.errors import TensorError
from analysis.linalg import blas as unlocked

Found = TypeVar("Found")
Grams = Float64[Tensor, "*s k k"]  # of which the lower triangles are read

SERIAL = 2048  # largest side solved by one thread: more gain nothing, and stall on a busy machine (docs/benchmarks.md)
OPENBLAS = 1536  # largest side whose eigenvalues OpenBLAS finds faster than MKL (docs/benchmarks.md)
STRIPS = 4  # of a batched product: 1.4 to 1.7 times as fast as the whole, more are no faster (docs/benchmarks.md)
NARROWEST_STRIP = 64  # columns


def add_inner_products(grams: Float[Tensor, "s k k"], block: Float[Tensor, "s b k"]) -> None:
    """Adds BᵀB of each to the lower triangle of its Gram matrix, of the same dtype, in place."""
    if grams.is_cuda:
        _add_strips(grams, block)
    else:
        with suit_threads(grams.shape[-1]):  # so that the last bits hang on no number of threads
            for gram, rows in zip(grams.numpy(), block.numpy(), strict=True):
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


def eigenvalues(grams: Grams) -> Float64[Tensor, "*s k"]:
    """Ascending eigenvalues of each. Raises TensorError where the iteration finds none."""
    if _by_openblas(grams):
        return solve_converging(_solve_each_by_openblas, grams)
    values: Float64[Tensor, "*s k"] = solve_converging(torch.linalg.eigvalsh, grams)
    return values


def eigenvectors(gram: Float64[Tensor, "k k"]) -> tuple[Float64[Tensor, " k"], Float64[Tensor, "k k"]]:
    """Ascending eigenvalues and their vectors, as columns. Raises TensorError where the iteration finds none."""
    if not _by_openblas(gram):
        return solve_converging(lambda given: tuple(torch.linalg.eigh(given)), gram)
    values, vectors = solve_converging(lambda given: unlocked.eigenvectors(given.numpy()), gram)
    return torch.from_numpy(values), torch.from_numpy(vectors)


def _solve_each_by_openblas(grams: Grams) -> Float64[Tensor, "*s k"]:
    values = np.empty(grams.shape[:-1])
    for place in np.ndindex(grams.shape[:-2]):
        values[place] = unlocked.eigenvalues(grams[place].numpy())
    return torch.from_numpy(values)


def _by_openblas(grams: Grams) -> bool:
    return not grams.is_cuda and grams.shape[-1] <= OPENBLAS


def solve_converging(solve: Callable[[Tensor], Found], matrix: Float64[Tensor, "*s n k"]) -> Found:
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
    old_count = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with libraries().limit(limits=count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(old_count)


@cache
def libraries() -> ThreadpoolController:
    """What NumPy and SciPy bring along. Kept, for looking through the loaded libraries takes milliseconds."""
    return ThreadpoolController()
