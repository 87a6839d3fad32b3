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
from typing import Any, TypeVar

import numpy as np

from analysis.cached import once
from analysis.errors import NotFinite, TensorError
from analysis.linalg import gpu
from analysis.linalg.kernels import add_inner_products, eigenvalues, singular_values, suit_threads, triangle
from analysis.runtime.arrays import Numbers, as_array, as_tensor
from analysis.runtime.pytorch import Tensor
from analysis.runtime.shapes import Float, Float64

Some = TypeVar("Some", np.ndarray, Tensor)
Scales = Float64[np.ndarray, " s"]  # 2^-exponent of each matrix

EPS = float(np.finfo(np.float64).eps)
BLOCK = 1 << 20  # numbers in float64 at a time on the CPU: 8 MiB, as fast as 32 MiB (docs/benchmarks.md)
GPU_BLOCK = 1 << 26  # and on a GPU, 512 MiB: few launches
LINES = 256  # of the smaller side, whose inner products are kept
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
    products: "Products | None" = None  # of some lines of the smaller side, where they were formed on the CPU

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


@dataclass(frozen=True, slots=True)
class Products:
    """The inner products of up to 256 lines of the smaller side, evenly spread, over all slices; a by-product."""

    lower: Float64[np.ndarray, "l l"]  # those below the diagonal and on it, over 4ᵉ
    exponent: int  # e


def decompose(slices: Float[Numbers, "s m n"]) -> Spectrum:
    """The spectrum of the matrices, on the device where they are. Raises NotFinite where one holds NaN or infinity."""
    (spectrum,) = decompose_each(slices[None])
    return spectrum


def decompose_each(weights: Float[Numbers, "w s m n"]) -> list[Spectrum]:
    """The spectrum of each of several weights of one shape, found together. Raises NotFinite where any is not."""
    numbers = weights if gpu.is_on_gpu(weights) else as_array(weights)
    count, rows, columns = numbers.shape[1:]
    exponents = [_exponent(slices) for slices in numbers]
    scales = np.repeat([math.ldexp(1.0, -exponent) for exponent in exponents], count)
    matrices = numbers.reshape(-1, rows, columns)
    tall = matrices if rows >= columns else matrices.mT  # (ws, N, K), N ≥ K
    size = max(1, block_size(tall) // tall.shape[2] ** 2)  # Gram matrices that fit in a block
    spectra = [
        one
        for start in range(0, len(tall), size)
        for one in _solve(tall[start : start + size], scales[start : start + size])
    ]
    return [_pool(spectra[i * count : (i + 1) * count], e, rows, columns) for i, e in enumerate(exponents)]


def _pool(found: Sequence["_Slice"], exponent: int, rows: int, columns: int) -> Spectrum:
    return Spectrum(
        slices=np.ldexp(np.stack([one.values for one in found]), exponent),
        rows=rows,
        columns=columns,
        squared_norm=math.ldexp(math.fsum(one.squared_norm for one in found), 2 * exponent),
        kernel="svd" if any(one.kernel == "svd" for one in found) else "gram",
        floor=max(one.floor for one in found),
        products=_pool_products([one.products for one in found], exponent),
    )


def _pool_products(found: Sequence[Float64[np.ndarray, "l l"] | None], exponent: int) -> Products | None:
    there = [one for one in found if one is not None]
    return Products(there[0] if len(there) == 1 else np.sum(there, axis=0), exponent) if there else None


@dataclass(frozen=True, slots=True)
class _Slice:
    """The spectrum of one scaled matrix."""

    values: Float64[np.ndarray, " k"]  # ascending
    squared_norm: float
    kernel: str
    floor: float
    products: Float64[np.ndarray, "l l"] | None


def _solve(group: Float[Numbers, "s n k"], scales: Scales) -> Iterator[_Slice]:
    """Each by its Gram matrix where that can tell the smallest eigenvalue from zero, else by the SVD."""
    for matrix, scale, squares, squared_norm, products in zip(group, scales, *_gram(group, scales), strict=True):
        largest = float(squares[-1])
        error = gram_error(len(matrix), len(squares), squared_norm / largest) if largest > 0.0 else 0.0
        if squares[0] >= 2.0 * error * largest:  # then the true one is above error · λ₁
            yield _Slice(np.sqrt(squares), squared_norm, "gram", math.sqrt(error), products)
        else:
            yield _Slice(_svd(matrix, float(scale)), squared_norm, "svd", max(matrix.shape) * EPS, products)


def gram_error(rows: int, columns: int, stable_rank: float) -> float:
    """A bound on |error of an eigenvalue| / λ₁ on the Gram route, for N rows and K columns.

    Forming WᵀW errs by √N ε ‖W‖_F² with high probability (Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019, A2815),
    and ‖W‖_F² is λ₁ times the stable rank; the eigenvalues of a K × K matrix err by K ε λ₁ (LAPACK Users' Guide, 4.7).
    """
    return (math.sqrt(rows) * stable_rank + columns) * EPS


def _exponent(slices: Float[Numbers, "s m n"]) -> int:
    """The power of two just above the largest entry; 0 for a zero matrix."""
    low, high = _ends(slices)
    if not math.isfinite(low) or not math.isfinite(high):
        wrong, total = count_not_finite(slices), math.prod(slices.shape)
        raise NotFinite(f"{wrong} of {total} values are NaN or infinite")
    return _bound_exponent(math.frexp(max(-low, high))[1])


def _ends(slices: Float[Numbers, "s m n"]) -> tuple[float, float]:
    """The smallest and the largest entry; NaN where one is."""
    if isinstance(slices, np.ndarray):
        ends = [(block.min(), block.max()) for block in map(_single, blocks(slices))]  # NaN spreads to both
    else:
        ends = [gpu.ends(block) for block in blocks(slices)]
    low, high = (float(end) for end in (np.min([low for low, _ in ends]), np.max([high for _, high in ends])))
    return low, high


def _single(block: Float[np.ndarray, "s b k"]) -> Float[np.ndarray, "s b k"]:
    """Types narrower than float32 brought to it: NumPy is slow in them."""
    if block.dtype.itemsize >= 4:
        return block
    with np.errstate(invalid="ignore"):  # NaN of bfloat16 is one of float32
        return block.astype(np.float32)


def count_not_finite(slices: Float[Numbers, "s m n"]) -> int:
    """How many entries are NaN or infinite."""
    if isinstance(slices, np.ndarray):
        return sum(block.size - int(np.isfinite(_single(block)).sum()) for block in blocks(slices))
    return sum(map(gpu.count_not_finite, blocks(slices)))


def _bound_exponent(exponent: int) -> int:
    if abs(exponent) > LARGEST_EXPONENT:
        raise TensorError(f"its entries reach 2^{exponent}; eigenvalues, their squares, would leave float64")
    return exponent


def block_size(slices: Float[Numbers, "s n k"]) -> int:
    """Numbers that are held in float64 at a time, where the slices are."""
    return GPU_BLOCK if gpu.is_on_gpu(slices) else BLOCK


def blocks(slices: Some) -> Iterator[Some]:
    """Some rows of all slices at a time; a quarter of a square matrix at least, for the sake of the arithmetic."""
    count, rows, columns = slices.shape
    height = max(1, columns // 4, block_size(slices) // (count * columns))
    for start in range(0, rows, height):
        yield slices[:, start : start + height]


def _double(block: Float[np.ndarray, "s b k"], scales: Scales) -> Float64[np.ndarray, "s b k"]:
    """A scaled copy in float64, which lies as the block does."""
    copy: Float64[np.ndarray, "s b k"] = block.astype(np.float64, order="K")
    copy *= scales[:, None, None]
    return copy


def _gram(
    group: Float[Numbers, "s n k"], scales: Scales
) -> tuple[Float64[np.ndarray, "s k"], list[float], Sequence[Any]]:
    """Ascending eigenvalues of each WᵀW, its trace: the sum of the squares of all entries, and a part of it."""
    if not isinstance(group, np.ndarray):
        return *gpu.eigenvalues(blocks(group), scales, group.shape[2]), [None] * len(group)
    grams = _inner_products(group, scales)
    squared_norms: list[float] = np.trace(grams, axis1=1, axis2=2).tolist()
    step = max(1, grams.shape[1] // LINES)
    products = [gram[::step, ::step][:LINES, :LINES].copy() for gram in grams]
    return np.maximum(eigenvalues(grams), 0.0), squared_norms, products


def scaled_gram(tall: Float[Tensor, "n k"]) -> tuple[Float64[Tensor, "k k"], int]:
    """WᵀW / 4ᵉ, of which the lower triangle is good, and the exponent e that `_exponent` finds. Raises NotFinite."""
    if not gpu.is_on_gpu(tall):
        gram, exponent = gram_of(as_array(tall))
        return as_tensor(gram), exponent
    exponent = _exponent(tall[None])
    (lower,) = gpu.inner_products(blocks(tall[None]), np.array([math.ldexp(1.0, -exponent)]), tall.shape[1])
    return lower, exponent


def gram_of(tall: Float[np.ndarray, "n k"]) -> tuple[Float64[np.ndarray, "k k"], int]:
    """The same of an array."""
    exponent = _exponent(tall[None])
    (lower,) = _inner_products(tall[None], np.array([math.ldexp(1.0, -exponent)]))
    return lower, exponent


def _inner_products(group: Float[np.ndarray, "s n k"], scales: Scales) -> Float64[np.ndarray, "s k k"]:
    """The lower triangle of WᵀW of each, which is what `eigenvalues` reads."""
    size, _, columns = group.shape
    grams = np.zeros((size, columns, columns))
    with suit_threads(columns):
        for block in blocks(group):
            add_inner_products(grams, _double(block, scales))  # no name here keeps a block while the next is made
    return grams


def _svd(matrix: Float[Numbers, "n k"], scale: float) -> Float64[np.ndarray, " k"]:
    """Ascending singular values of a tall matrix: those of its triangle."""
    if not isinstance(matrix, np.ndarray):
        return gpu.singular_values(blocks(matrix[None]), scale, matrix.shape[1])
    return singular_values(_triangle(matrix, scale))[::-1]


def _triangle(matrix: Float[np.ndarray, "n k"], scale: float) -> Float64[np.ndarray, "p k"]:
    """R of its QR, block by block (backward stable): a matrix of min(n, k) rows with the same Gram matrix."""
    factor = np.zeros((0, matrix.shape[1]))
    for block in blocks(matrix[None]):
        factor = np.concatenate([factor, _double(block, np.array([scale]))[0]])
        if len(factor) > matrix.shape[1]:
            factor = triangle(factor)
    return factor
