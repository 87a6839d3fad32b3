"""Singular triplets: the singular values of a matrix with their left and right vectors, in float64.

Two routes, as for the values alone (analysis.linalg.spectrum). The Gram matrix of the smaller side gives the vectors
of that side, all orthonormal to rounding; those of the larger side are W v / σ, orthogonal to ε (σ₁/σ)². So where σ is
weak, W v is made orthogonal to the vectors found before, and what is left of these few is decomposed by an
SVD of its own.
In a steep spectrum few are strong: the bar is lower there, and a step of Newton and Schulz makes up for it. Small
matrices, and those with more weak directions than strong ones even so, go by one SVD.
"""

import math
from dataclasses import dataclass

from analysis.errors import NotFinite, TensorError
from analysis.linalg.kernels import eigenvectors, suit_threads
from analysis.linalg.spectrum import EPS, scaled_gram
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64

SMALL = 256  # largest smaller side for which one SVD is as fast (docs/benchmarks.md)
WEAK = 0.01  # of σ₁: above it W v / σ is orthogonal to the others to ε / WEAK², ten thousand roundings
WEAK_WHERE_STEEP = 0.001  # a million roundings, of which the step leaves the square
MOST, HALF = 0.75, 0.5  # of the directions above the bar: fewer, and it is lowered; fewer still, and one SVD is as fast


@dataclass(frozen=True)
class Triplets:
    """Singular values, descending, and their vectors as columns: the matrix is left · diag(values) · rightᵀ."""

    left: Float64[Tensor, "m k"]
    values: Float64[Tensor, " k"]
    right: Float64[Tensor, "n k"]

    def first(self, count: int) -> "Triplets":
        """The `count` largest."""
        return Triplets(self.left[:, :count], self.values[:count], self.right[:, :count])

    def leading(self, count: int) -> "Triplets":
        """The same, by the name that it has where the others were not found."""
        return self.first(count)

    def along_left(self, vectors: Float64[Tensor, "m d"]) -> Float64[Tensor, "k d"]:
        """uᵢᵀ x of every left singular vector uᵢ and every column x."""
        return self.left.mT @ vectors

    def along_right(self, vectors: Float64[Tensor, "n d"]) -> Float64[Tensor, "k d"]:
        """vᵢᵀ x of every right singular vector vᵢ and every column x."""
        return self.right.mT @ vectors

    def combine(self, parts: Float64[Tensor, "k d"], left: bool) -> Float64[Tensor, "p d"]:
        """Σ cᵢ uᵢ, or Σ cᵢ vᵢ, of every column c."""
        return (self.left if left else self.right) @ parts

    @property
    def turned(self) -> "Triplets":
        """Those of the transpose."""
        return Triplets(self.right, self.values, self.left)


def triplets(matrix: Float[Tensor, "m n"]) -> Triplets:
    """All min(m, n) of them. Raises NotFinite where the matrix is not finite, TensorError without convergence."""
    finite(matrix)
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    try:
        with suit_threads(tall.shape[1]):
            result = (_by_gram(tall) if tall.shape[1] > SMALL else None) or _by_svd(tall)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]  # documented, but missing in its __all__
        raise TensorError(f"the decomposition did not converge: {error}") from error
    return result if tall is matrix else result.turned


def finite(matrix: Float[Tensor, "m n"]) -> None:
    """Raises NotFinite where a value of the matrix is NaN or infinite."""
    if not torch.isfinite(matrix).all():
        wrong = int((~torch.isfinite(matrix)).sum())
        raise NotFinite(f"{wrong} of {matrix.numel()} values are NaN or infinite")


def product_triplets(left: Float[Tensor, "m r"], right: Float[Tensor, "r n"]) -> Triplets:
    """Those of left · right without forming it: min(m, r, n) of them, by QR of both factors and an SVD of r × r."""
    rows, outer = torch.linalg.qr(left.double())
    columns, inner = torch.linalg.qr(right.double().mT)
    core = triplets(outer @ inner.mT)
    return Triplets(rows @ core.left, core.values, columns @ core.right)


def _by_svd(tall: Float[Tensor, "n k"]) -> Triplets:
    left, values, right = torch.linalg.svd(tall.double(), full_matrices=False)
    return Triplets(left, values, right.mT)


def _by_gram(tall: Float[Tensor, "n k"]) -> Triplets | None:
    """None where more than half of the directions are weak."""
    gram, exponent = scaled_gram(tall)
    squares, short = eigenvectors(gram)
    squares, short = squares.flip(0), short.flip(1)
    strong, steep = _strong(squares, WEAK), False
    if strong < MOST * len(squares):
        strong, steep = _strong(squares, WEAK_WHERE_STEEP), True
    if strong < HALF * len(squares):
        return None
    images = (tall.double() * math.ldexp(1.0, -exponent)) @ short  # W v, (n, k)
    values = images[:, :strong].norm(dim=0)
    long = images[:, :strong] / values
    if steep:
        long = 1.5 * long - 0.5 * long @ (long.mT @ long)
    rest = _by_svd(_complement(long, images[:, strong:]))
    return _sort(
        torch.cat([long, _complete_vectors(long, rest, float(values[0]))], dim=1),
        torch.cat([values, rest.values]) * math.ldexp(1.0, exponent),
        torch.cat([short[:, :strong], short[:, strong:] @ rest.right], dim=1),
    )


def _strong(squares: Float64[Tensor, " k"], weak: float) -> int:
    return int((squares > weak**2 * squares[0]).sum())


def _complement(vectors: Float64[Tensor, "n i"], others: Float64[Tensor, "n j"]) -> Float64[Tensor, "n j"]:
    """The others without what they have along the vectors; twice is enough (Parlett, section 6.9)."""
    for _ in range(2):
        others = others - vectors @ (vectors.mT @ others)
    return others


def _complete_vectors(long: Float64[Tensor, "n i"], rest: Triplets, largest: float) -> Float64[Tensor, "n j"]:
    """The vectors of the weak directions; those of rounding, which may lie anywhere, replaced by some outside all."""
    vectors = rest.left[:, rest.values > len(long) * EPS * largest]
    missing = rest.left.shape[1] - vectors.shape[1]
    if not missing:
        return vectors
    start = torch.randn(len(long), missing, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = torch.cat([long, vectors], dim=1)
    complement = torch.linalg.qr(_complement(basis, start.to(long.device))).Q
    return torch.cat([vectors, _complement(basis, complement)], dim=1)


def _sort(left: Float64[Tensor, "n k"], values: Float64[Tensor, " k"], right: Float64[Tensor, "k k"]) -> Triplets:
    """Lengths that are equal to rounding may come in the wrong order."""
    sorted_values, order = values.sort(descending=True, stable=True)
    if torch.equal(sorted_values, values):
        return Triplets(left, values, right)
    return Triplets(left[:, order], sorted_values, right[:, order])
