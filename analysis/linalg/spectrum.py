"""The spectrum of a weight: its singular values, by the fastest kernel that is exact enough.

Three kernels. **gram** forms the Gram matrix of the smaller side in float64 and takes its eigenvalues, up to 4.5 times
faster than an SVD (docs/benchmarks.md); squaring costs it half the digits, so that singular values far below the
largest drown in rounding. **svd** keeps them. `decompose` takes the Gram route and then asks, by the error bound of
`gram_error`, whether the smallest eigenvalue can be told from zero; if not it goes the other way, so that ranks are
right. **product** serves a matrix known as two factors of rank r: what it costs is an r × r matrix.

Rows are read in blocks and brought to float64 one block at a time: an embedding of any height costs one block and a
Gram matrix. The slices of a convolution, and weights of one shape that `decompose_each` gets, go through each step
together, as many as fit in a block: on a GPU that is one batched call. Everything is scaled by a power of two, which
loses nothing, so that squares neither over- nor underflow.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from analysis.cached import once
from analysis.errors import NotFinite, TensorError
from analysis.linalg.kernels import add_inner_products, eigenvalues, solve_converging

Scales = Float64[Tensor, "s 1 1"]  # 2^-exponent of each matrix

EPS = float(np.finfo(np.float64).eps)
BLOCK = 1 << 20  # numbers in float64 at a time on the CPU: 8 MiB, as fast as 32 MiB (docs/benchmarks.md)
GPU_BLOCK = 1 << 26  # and on a GPU, 512 MiB: few launches
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

    @once
    def values(self) -> Float64[np.ndarray, " p"]:
        """All singular values, ascending."""
        sorted_values: Float64[np.ndarray, " p"] = np.sort(self.slices, axis=None)
        return sorted_values

    @once
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
    (spectrum,) = decompose_each(slices[None])
    return spectrum


def decompose_each(weights: Float[Tensor, "w s m n"]) -> list[Spectrum]:
    """The spectrum of each of several weights of one shape, found together. Raises NotFinite where any is not."""
    count, rows, columns = weights.shape[1:]
    exponents = [_exponent(slices) for slices in weights]
    matrices, scales = weights.flatten(0, 1), _scales(exponents, weights).repeat_interleave(count, 0)  # (ws, …)
    tall = matrices if rows >= columns else matrices.mT  # (ws, N, K), N ≥ K
    group_size = max(1, block_size(tall) // tall.shape[2] ** 2)  # Gram matrices that fit in a block
    parts = zip(torch.split(tall, group_size), torch.split(scales, group_size), strict=True)
    spectra = [one for group, scale in parts for one in _solve(group, scale)]
    return [_pool(spectra[i * count : (i + 1) * count], e, rows, columns) for i, e in enumerate(exponents)]


def _pool(found: Sequence["_Slice"], exponent: int, rows: int, columns: int) -> Spectrum:
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


def _solve(group: Float[Tensor, "s n k"], scales: Scales) -> Iterator[_Slice]:
    """Each by its Gram matrix where that can tell the smallest eigenvalue from zero, else by the SVD."""
    for matrix, scale, squares, squared_norm in zip(group, scales, *_gram(group, scales), strict=True):
        largest = float(squares[-1])
        error = gram_error(len(matrix), len(squares), squared_norm / largest) if largest > 0.0 else 0.0
        if squares[0] >= 2.0 * error * largest:  # then the true one is above error · λ₁
            yield _Slice(np.sqrt(squares), squared_norm, "gram", math.sqrt(error))
        else:
            yield _Slice(_svd(matrix, scale[None]), squared_norm, "svd", max(matrix.shape) * EPS)


def gram_error(rows: int, columns: int, stable_rank: float) -> float:
    """A bound on |error of an eigenvalue| / λ₁ on the Gram route, for N rows and K columns.

    Forming WᵀW errs by √N ε ‖W‖_F² with high probability (Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019, A2815),
    and ‖W‖_F² is λ₁ times the stable rank; the eigenvalues of a K × K matrix err by K ε λ₁ (LAPACK Users' Guide, 4.7).
    """
    return (math.sqrt(rows) * stable_rank + columns) * EPS


def _exponent(slices: Float[Tensor, "s m n"]) -> int:
    """The power of two just above the largest entry; 0 for a zero matrix."""
    ends = torch.stack([torch.stack(torch.aminmax(block)) for block in blocks(slices)])  # NaN spreads to both
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    if not math.isfinite(low) or not math.isfinite(high):
        wrong = sum(int((~torch.isfinite(block)).sum()) for block in blocks(slices))
        raise NotFinite(f"{wrong} of {slices.numel()} values are NaN or infinite")
    return _bound_exponent(math.frexp(max(-low, high))[1])


def _bound_exponent(exponent: int) -> int:
    if abs(exponent) > LARGEST_EXPONENT:
        raise TensorError(f"its entries reach 2^{exponent}; eigenvalues, their squares, would leave float64")
    return exponent


def block_size(slices: Float[Tensor, "s n k"]) -> int:
    """Numbers that are held in float64 at a time, where the slices are."""
    return GPU_BLOCK if slices.is_cuda else BLOCK


def blocks(slices: Float[Tensor, "s n k"]) -> Iterator[Float[Tensor, "s b k"]]:
    """Some rows of all slices at a time; a quarter of a square matrix at least, for the sake of the arithmetic."""
    columns = slices.shape[2]
    height = max(1, columns // 4, block_size(slices) // (len(slices) * columns))
    yield from torch.split(slices, height, dim=1)


def _scales(exponents: Sequence[int], beside: Tensor) -> Float64[Tensor, "s 1 1"]:
    """2^-exponent of each, where the weights are."""
    scales = torch.tensor([math.ldexp(1.0, -exponent) for exponent in exponents], dtype=torch.float64)
    return scales.to(beside.device)[:, None, None]


def _double(block: Float[Tensor, "s b k"], scales: Scales) -> Float64[Tensor, "s b k"]:
    """A copy in float64, scaled, that BLAS takes as it lies."""
    lies = torch.preserve_format if 1 in block.stride()[-2:] else torch.contiguous_format
    return block.to(torch.float64, copy=True, memory_format=lies).mul_(scales)


def _gram(group: Float[Tensor, "s n k"], scales: Scales) -> tuple[Float64[np.ndarray, "s k"], list[float]]:
    """Ascending eigenvalues of each WᵀW, and its trace: the sum of the squares of all entries."""
    gram = _inner_products(group, scales)
    squared_norms: list[float] = gram.diagonal(dim1=1, dim2=2).sum(dim=1).tolist()
    values: Float64[np.ndarray, "s k"] = eigenvalues(gram).clamp_(min=0.0).cpu().numpy()
    return values, squared_norms


def scaled_gram(tall: Float[Tensor, "n k"]) -> tuple[Float64[Tensor, "k k"], int]:
    """WᵀW / 4ᵉ, of which the lower triangle is good, and the exponent e that `_exponent` finds. Raises NotFinite."""
    exponent = _exponent(tall[None])
    (lower,) = _inner_products(tall[None], _scales([exponent], tall))
    return lower, exponent


def _inner_products(group: Float[Tensor, "s n k"], scales: Scales) -> Float64[Tensor, "s k k"]:
    """The lower triangle of WᵀW of each, which is what `eigenvalues` reads."""
    size, _, columns = group.shape
    gram = torch.zeros(size, columns, columns, dtype=torch.float64, device=group.device)
    for block in blocks(group):
        add_inner_products(gram, _double(block, scales))  # no name here keeps a block while the next is made
    return gram


def _svd(matrix: Float[Tensor, "n k"], scale: Scales) -> Float64[np.ndarray, " k"]:
    """Ascending singular values of a tall matrix: those of its triangle."""
    triangle = _triangle(matrix, scale)
    values: Float64[np.ndarray, " k"] = solve_converging(torch.linalg.svdvals, triangle).flip(0).cpu().numpy()
    return values


def _triangle(matrix: Float[Tensor, "n k"], scale: Scales) -> Float64[Tensor, "p k"]:
    """R of its QR, block by block (backward stable): a matrix of min(n, k) rows with the same Gram matrix."""
    factor = torch.zeros(0, matrix.shape[1], dtype=torch.float64, device=matrix.device)
    for block in blocks(matrix[None]):
        factor = torch.cat([factor, _double(block, scale)[0]])
        if len(factor) > matrix.shape[1]:
            factor = solve_converging(lambda stacked: torch.linalg.qr(stacked, mode="r").R, factor)
    return factor
