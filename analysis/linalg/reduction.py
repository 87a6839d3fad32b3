"""All singular values of a matrix, and how much of a few given vectors lies along each of its singular vectors.

Singular vectors of W are eigenvectors of its smaller Gram matrix G = Q T Qᵀ, T tridiagonal with T = S Λ Sᵀ. What a
vector x has along each of them is Sᵀ(Qᵀx): O(k²) for a vector, where the vectors themselves, Q S, would cost 2 k³ more,
and those of the other side, W Q S Λ^-½, as much again. So an exact table of cosines costs hardly more than the singular
values (Golub and Van Loan, Matrix Computations, 4th edition, sections 8.3 and 8.4).
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.cached import once
from analysis.linalg import tridiagonal
from analysis.linalg.blas import NotPublished
from analysis.linalg.kernels import solve_converging, suit_threads
from analysis.linalg.spectrum import gram_error, gram_of
from analysis.linalg.tridiagonal import Tridiagonal
from analysis.linalg.triplets import Triplets
from analysis.runtime.arrays import Numbers, as_array, double
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64

SAFETY = 4.0  # on the bound of what rounding does to the Gram matrix
ORTHOGONAL = 1e-9  # a part in which computed vectors may fail to be orthonormal, or to solve T s = λ s


@dataclass(frozen=True)
class Reduction:
    """A matrix of m rows and n columns whose smaller Gram matrix, of side k, was made tridiagonal. Of full rank."""

    tall: Float[np.ndarray, "l k"]  # the matrix, or its transpose where that is the tall one
    wide: bool  # whether it is the transpose
    exponent: int  # of two: what the Gram matrix was scaled by
    form: Tridiagonal
    squares: Float64[np.ndarray, " k"]  # eigenvalues of the scaled Gram matrix, descending
    mixture: Float64[np.ndarray, "k k"]  # eigenvectors of T as rows, in the same order
    squared_norm: float  # of the scaled matrix

    @once
    def values(self) -> Float64[Tensor, " k"]:
        """σ, descending."""
        return torch.from_numpy(np.ldexp(np.sqrt(self.squares), self.exponent))

    @property
    def noise(self) -> float:
        """A bound on what rounding did to the scaled Gram matrix, in the spectral norm (`gram_error`)."""
        return _noise(self.tall, self.squared_norm, float(self.squares[0]))

    def along_left(self, vectors: Float64[Tensor, "m d"]) -> Float64[Tensor, "k d"]:
        """uᵢᵀ x of every left singular vector uᵢ and every column x."""
        return torch.from_numpy(self._along(vectors.cpu().numpy(), is_short=self.wide))

    def along_right(self, vectors: Float64[Tensor, "n d"]) -> Float64[Tensor, "k d"]:
        """vᵢᵀ x of every right singular vector vᵢ and every column x."""
        return torch.from_numpy(self._along(vectors.cpu().numpy(), is_short=not self.wide))

    def _along(self, vectors: Float64[np.ndarray, "p d"], is_short: bool) -> Float64[np.ndarray, "k d"]:
        with suit_threads(len(self.squares)):
            if is_short:
                return self._along_short(vectors.T)
            images = double(vectors.T) @ double(self.tall) * math.ldexp(1.0, -self.exponent)
            parts: Float64[np.ndarray, "k d"] = self._along_short(images) / np.sqrt(self.squares)[:, None]
            return parts

    def _along_short(self, rows: Float64[np.ndarray, "d k"]) -> Float64[np.ndarray, "k d"]:
        product: Float64[np.ndarray, "k d"] = self.mixture @ tridiagonal.rotate(self.form, rows, inverse=True).T
        return product

    def combine(self, parts: Float64[Tensor, "k d"], left: bool) -> Float64[Tensor, "p d"]:
        """Σ cᵢ uᵢ, or Σ cᵢ vᵢ, of every column c: of the Gram matrix's own side only."""
        assert left == self.wide, "the vectors of the other side are not orthonormal where σ is weak"
        with suit_threads(len(self.squares)):
            return torch.from_numpy(tridiagonal.rotate(self.form, parts.numpy().T @ self.mixture).T)

    def leading(self, count: int) -> Triplets:
        """The first singular triplets."""
        with suit_threads(len(self.squares)):
            short = tridiagonal.rotate(self.form, self.mixture[:count])
        return _triplets(self.tall, self.exponent, short, self.wide)

    def errors(self, left: bool) -> Float64[Tensor, " k"]:
        """Bounds on what rounding does to each left, or right, singular vector: ‖û - u‖, at most √2, to first order.

        With G + E in place of G, ‖E‖ ≤ `noise`, the vectors of the Gram matrix's own side turn by
        δᵢⱼ = vⱼᵀE vᵢ / (λᵢ - λⱼ) towards vⱼ, and Σⱼ (vⱼᵀE vᵢ)² ≤ ‖E‖², so that ‖δᵢ‖ ≤ ‖E‖ / minⱼ |λᵢ - λⱼ| (Davis and
        Kahan 1970). On the other side û = W v̂ / σᵢ turns by δᵢⱼ σⱼ / σᵢ, no more than ‖E‖ maxⱼ σⱼ / (σᵢ |λᵢ - λⱼ|): for
        σⱼ > σᵢ that falls as σⱼ grows, and for σⱼ < σᵢ it grows with σⱼ, so that the nearest on either side has the
        most; and σ̂ᵢ errs by ‖E‖ / 2 σᵢ, which makes û too long or too short. √2 is the most that two unit vectors with
        a sign to choose are apart.
        """
        roots = np.sqrt(self.squares)
        own = np.ones(len(roots) - 1)
        weights = (own, own) if left == self.wide else (roots[:-1] / roots[1:], roots[1:] / roots[:-1])
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = self.noise / (self.squares[:-1] - self.squares[1:])
            from_above = np.concatenate([[0.0], weights[0] * steps])  # of each, towards the one before it
            from_below = np.concatenate([weights[1] * steps, [0.0]])
        length = 0.0 if left == self.wide else self.noise / self.squares
        sines = np.nan_to_num(np.maximum(from_above, from_below) + length, nan=1.0, posinf=1.0)
        return torch.from_numpy(math.sqrt(2.0) * np.minimum(1.0, np.where(sines < 0.0, 1.0, sines)))


@dataclass(frozen=True)
class Largest:
    """The first triplets of a matrix, with the λ of the scaled Gram matrix behind them, and what rounding did to it."""

    triplets: Triplets
    squares: Float64[Tensor, " c"]
    following: float  # the next λ; 0 where there is none
    noise: float


def reduction(matrix: Float[Numbers, "m n"]) -> Reduction | None:
    """None where its rank cannot be told by a Gram matrix (`analysis.linalg.spectrum`). Raises NotFinite."""
    tall, wide, lower, exponent = _gram(matrix)
    try:
        form = _reduce(lower)
        ascending, rows = solve_converging(lambda _: tridiagonal.eigenvectors(form), lower)
    except NotPublished:
        return None
    squares, squared_norm = ascending[::-1], float(np.trace(lower))
    if squares[0] <= 0.0 or squares[-1] < 2.0 * _noise(tall, squared_norm, float(squares[0])) / SAFETY:
        return None
    return Reduction(tall, wide, exponent, form, squares, rows[::-1], squared_norm)


def largest(matrix: Float[Numbers, "m n"], count: int) -> Largest | None:
    """The first `count` triplets, of a matrix that has more, without the others; None where they came out inexact.

    None is missed: the k eigenvalues of T are counted by Sturm sequences (dstemr), and T is the Gram matrix up to
    `noise`. Raises NotFinite.
    """
    tall, wide, lower, exponent = _gram(matrix)
    sought = min(count + 1, len(lower))
    try:
        form = _reduce(lower)
        ascending, rows = solve_converging(lambda _: tridiagonal.largest(form, sought), lower)
    except NotPublished:
        return None
    squares, rows = ascending[::-1], rows[::-1]
    if squares[min(count, len(squares)) - 1] <= 0.0 or not _is_exact(form, squares, rows):
        return None
    with suit_threads(len(lower)):
        short = tridiagonal.rotate(form, rows[:count])
    following = float(squares[count]) if len(squares) > count else 0.0
    noise = _noise(tall, float(np.trace(lower)), float(squares[0]))
    first = torch.from_numpy(squares[:count].copy())
    return Largest(_triplets(tall, exponent, short, wide), first, following, noise)


def _noise(tall: Float[np.ndarray, "l k"], squared_norm: float, largest: float) -> float:
    """A bound on what rounding did to a Gram matrix of that trace and largest eigenvalue, in the spectral norm."""
    rows, columns = tall.shape
    return SAFETY * gram_error(rows, columns, squared_norm / largest) * largest


def _gram(
    matrix: Float[Numbers, "m n"],
) -> tuple[Float[np.ndarray, "l k"], bool, Float64[np.ndarray, "k k"], int]:
    """The tall one of the matrix and its transpose, whether it is the transpose, and its Gram matrix with its scale."""
    array = as_array(matrix)
    wide = array.shape[0] < array.shape[1]
    tall = array.T if wide else array
    return tall, wide, *gram_of(tall)


def _reduce(lower: Float64[np.ndarray, "k k"]) -> Tridiagonal:
    with suit_threads(len(lower)):
        return tridiagonal.reduce(lower)


def _is_exact(form: Tridiagonal, squares: Float64[np.ndarray, " c"], rows: Float64[np.ndarray, "c k"]) -> bool:
    """Whether the rows are orthonormal, and T s = λ s."""
    images = rows * form.diagonal
    images[:, :-1] += rows[:, 1:] * form.beside
    images[:, 1:] += rows[:, :-1] * form.beside
    residual = float(np.abs(images - squares[:, None] * rows).max())
    apart = float(np.abs(rows @ rows.T - np.eye(len(rows))).max())
    return apart <= ORTHOGONAL and residual <= ORTHOGONAL * float(squares[0])


def _triplets(tall: Float[np.ndarray, "l k"], exponent: int, short: Float64[np.ndarray, "c k"], wide: bool) -> Triplets:
    """Those of the vectors of the short side, as rows: W v / ‖W v‖ on the other."""
    images = double(tall) @ short.T  # (l, c)
    values = np.linalg.norm(images, axis=0)
    found = Triplets(torch.from_numpy(images / values), torch.from_numpy(values), torch.from_numpy(short.T))
    return found.turned if wide else found
