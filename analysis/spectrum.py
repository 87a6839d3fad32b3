"""The spectrum of a weight: its singular values, by the fastest kernel that is exact enough.

Two kernels. **gram** forms the Gram matrix of the smaller side in float64 and takes its eigenvalues, up to 3.5 times
faster than an SVD (docs/benchmarks.md); squaring costs it half the digits, so that singular values far below the
largest drown in rounding. **svd** keeps them. `decompose` takes the Gram route and then asks, by the error bound of
`gram_error`, whether the smallest eigenvalue can be told from zero; if not it goes the other way, so that ranks are
right.

Rows are read in blocks and brought to float64 one block at a time: an embedding of any height costs one block and a
Gram matrix. Everything is scaled by a power of two, which loses nothing, so that squares neither over- nor underflow.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from analysis.errors import NotFinite, TensorError

EPS = float(np.finfo(np.float64).eps)
BLOCK = 1 << 22  # numbers in float64 at a time: 32 MiB
SERIAL = 2048  # largest side solved by one thread: more gain nothing, and stall on a busy machine (docs/benchmarks.md)
LARGEST_EXPONENT = 480  # of two: squares of singular values up to 2^30 times larger stay inside float64's 2^±1022


@dataclass(frozen=True)
class Spectrum:
    """The singular values of a weight, and how they were found.

    A convolution has one set for each position of its kernel; its ESD pools them.
    """

    slices: Float64[np.ndarray, "s k"]  # singular values of each slice, ascending
    rows: int
    columns: int
    squared_norm: float  # sum of the squares of all entries, not of the eigenvalues
    kernel: str  # "gram" or "svd"
    floor: float  # relative to the largest singular value: below it a singular value is rounding, not weight

    @cached_property
    def values(self) -> Float64[np.ndarray, " p"]:
        """All singular values, ascending."""
        pooled: Float64[np.ndarray, " p"] = np.sort(self.slices, axis=None)
        return pooled

    @cached_property
    def eigenvalues(self) -> Float64[np.ndarray, " p"]:
        """The ESD: λ = σ², ascending, with neither centring nor 1/N."""
        squares: Float64[np.ndarray, " p"] = np.square(self.values)
        return squares

    @property
    def largest(self) -> float:
        """σ₁; 0 for a zero matrix."""
        return float(self.values[-1])


def decompose(slices: Float[Tensor, "s m n"]) -> Spectrum:
    """The spectrum of the matrices, on the device where they are. Raises NotFinite where one holds NaN or infinity."""
    rows, columns = slices.shape[1:]
    exponent = _exponent(slices)
    tall = slices if rows >= columns else slices.mT  # (s, N, K), N ≥ K
    found = [_slice(matrix, exponent) for matrix in tall]
    return Spectrum(
        slices=np.ldexp(np.stack([one.values for one in found]), exponent),
        rows=rows,
        columns=columns,
        squared_norm=math.ldexp(math.fsum(one.squared_norm for one in found), 2 * exponent),
        kernel="svd" if any(one.kernel == "svd" for one in found) else "gram",
        floor=max(one.floor for one in found),
    )


@dataclass(frozen=True, slots=True)
class _Slice:
    """The spectrum of one scaled matrix."""

    values: Float64[np.ndarray, " k"]  # ascending
    squared_norm: float
    kernel: str
    floor: float


def _slice(matrix: Float[Tensor, "n k"], exponent: int) -> _Slice:
    """By the Gram matrix where that can tell the smallest eigenvalue from zero, else by the SVD."""
    eigenvalues, squared_norm = _gram(matrix, exponent)
    largest = float(eigenvalues[-1])
    error = gram_error(len(matrix), len(eigenvalues), squared_norm / largest) if largest > 0.0 else 0.0
    if eigenvalues[0] >= 2.0 * error * largest:  # then the true one is above error · λ₁
        return _Slice(np.sqrt(eigenvalues), squared_norm, "gram", math.sqrt(error))
    return _Slice(_svd(matrix, exponent), squared_norm, "svd", max(matrix.shape) * EPS)


def gram_error(rows: int, columns: int, stable_rank: float) -> float:
    """A bound on |error of an eigenvalue| / λ₁ on the Gram route, for N rows and K columns.

    Forming WᵀW errs by √N ε ‖W‖_F² with high probability (Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019, A2815),
    and ‖W‖_F² is λ₁ times the stable rank; the eigenvalues of a K × K matrix err by K ε λ₁ (LAPACK Users' Guide, 4.7).
    """
    return (math.sqrt(rows) * stable_rank + columns) * EPS


def _exponent(slices: Float[Tensor, "s m n"]) -> int:
    """The power of two just above the largest entry; 0 for a zero matrix."""
    low, high = (float(end) for end in torch.aminmax(slices))  # NaN spreads to both
    if not math.isfinite(low) or not math.isfinite(high):
        raise NotFinite(f"{_not_finite(slices)} of {slices.numel()} values are NaN or infinite")
    exponent = math.frexp(max(-low, high))[1]
    if abs(exponent) > LARGEST_EXPONENT:
        raise TensorError(f"its entries reach 2^{exponent}; eigenvalues, their squares, would leave float64")
    return exponent


def _not_finite(slices: Float[Tensor, "s m n"]) -> int:
    return sum(int((~torch.isfinite(block)).sum()) for matrix in slices for block in _blocks(matrix))


def _blocks(matrix: Float[Tensor, "n k"]) -> Iterator[Float[Tensor, "b k"]]:
    height = max(1, matrix.shape[1], BLOCK // matrix.shape[1])
    yield from torch.split(matrix, height)


def _double(block: Float[Tensor, "b k"], exponent: int) -> Float64[Tensor, "b k"]:
    """A copy in float64, scaled by 2^-exponent."""
    return block.to(torch.float64, copy=True).mul_(math.ldexp(1.0, -exponent))


def _gram(matrix: Float[Tensor, "n k"], exponent: int) -> tuple[Float64[np.ndarray, " k"], float]:
    """Ascending eigenvalues of WᵀW, and its trace: the sum of the squares of all entries."""
    columns = matrix.shape[1]
    gram = torch.zeros(columns, columns, dtype=torch.float64, device=matrix.device)
    for block in _blocks(matrix):
        double = _double(block, exponent)
        gram.addmm_(double.T, double)
    eigenvalues: Float64[np.ndarray, " k"] = _converged(torch.linalg.eigvalsh, gram).clamp_(min=0.0).cpu().numpy()
    return eigenvalues, float(gram.trace())


def _svd(matrix: Float[Tensor, "n k"], exponent: int) -> Float64[np.ndarray, " k"]:
    """Ascending singular values of a tall matrix, by blocked QR (backward stable) and the SVD of its K × K factor."""
    factor = torch.zeros(0, matrix.shape[1], dtype=torch.float64, device=matrix.device)
    for block in _blocks(matrix):
        stacked = torch.cat([factor, _double(block, exponent)])
        factor = torch.linalg.qr(stacked, mode="r").R if len(stacked) > 2 * stacked.shape[1] else stacked
    values: Float64[np.ndarray, " k"] = _converged(torch.linalg.svdvals, factor).flip(0).cpu().numpy()
    return values


def _converged(solve: Callable[[Tensor], Tensor], matrix: Float64[Tensor, "n k"]) -> Float64[Tensor, " k"]:
    """What a solver of torch.linalg finds, or TensorError where its iteration finds nothing."""
    try:
        with _threads(1 if max(matrix.shape) <= SERIAL else torch.get_num_threads()):
            return solve(matrix)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]  # documented, but missing in its __all__
        raise TensorError(f"the decomposition did not converge: {error}") from error


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
