"""The largest singular value of a matrix, with a bound on its error that holds, and no other singular value.

The largest eigenvalue θ of a Krylov space is never larger than that of A = WᵀW. It may be smaller, and no residual of θ
tells by how much: a larger one may have been missed. But the space begins with a direction v drawn at random. With
A V = V T + R, T tridiagonal, an eigenvector u of λ > θ has uᵀV (λ - T) = uᵀR, and so |uᵀv| ≤ ‖R (λ - T)⁻¹ e₁‖: a bound
that falls steeply with λ. That |uᵀv| is as small has a probability that is known. So λ cannot lie where the bound is
below what chance allows (van Dorsselaer, Hochstenbach and van der Vorst, SIAM J. Matrix Anal. Appl. 22, 2000, who use
the exact recurrence; R here is what was computed, so that rounding counts).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.linalg.kernels import suit_threads
from analysis.linalg.krylov import Space, spaces
from analysis.linalg.spectrum import BLOCK, EPS, decompose
from analysis.linalg.triplets import finite
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64
from analysis.weight import Weight

WHOLE = 512  # smaller side up to which all singular values take no longer (docs/benchmarks.md)
FIRST = 24  # dimensions at which to look for the first time
ROOM = 384  # dimensions of the Krylov space: farther, all singular values are as fast
KEPT = 1 << 24  # numbers held in float64, 128 MiB; of larger matrices each block is brought to float64 at each step
GOAL = 1e-6  # relative error of the largest singular value
RISK = 1e-6  # that the random start hides a larger one, of each matrix

Rows = Float64[Tensor, "b k"]
Array = Float64[np.ndarray, " j"]


@dataclass(frozen=True)
class TopValue:
    """σ₁ lies between `value` and `value` · (1 + `error`), rounding apart."""

    value: float
    error: float
    squared_norm: float  # sum of the squares of all entries
    method: str  # "krylov"; "full" where all singular values were computed


def top_value(weight: Weight, whole: bool = False) -> TopValue:
    """σ₁ of a weight to a relative 1e-6; `whole` takes it from its spectrum. A convolution is one matrix here.

    Raises NotFinite, naming the weight.
    """
    if len(weight.slices) == 1 and (whole or min(weight.matrix.shape) <= WHOLE):
        spectrum = weight.spectrum
        return TopValue(spectrum.largest, 0.0, spectrum.squared_norm, "full")
    with weight.name_errors():
        return largest(weight.matrix)


def largest(matrix: Float[Tensor, "m n"]) -> TopValue:
    """σ₁ of a matrix to a relative 1e-6, by the fastest way. Raises NotFinite."""
    finite(matrix)
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    with suit_threads(tall.shape[1]):
        top = by_krylov(tall) if tall.shape[1] > WHOLE else None
    if top is not None:
        return top
    spectrum = decompose(matrix[None])
    return TopValue(spectrum.largest, 0.0, spectrum.squared_norm, "full")


def by_krylov(tall: Float[Tensor, "n k"]) -> TopValue | None:
    """The same without any other; None where the bound did not hold before the space became too large."""
    scale = math.ldexp(1.0, -math.frexp(float(tall.abs().max()))[1])  # a power of two: squares stay within float64
    parts = torch.split(tall, max(1, BLOCK // tall.shape[1]))
    squared_norm = math.fsum(float((part.double() * scale).square().sum()) for part in parts)
    if squared_norm == 0.0:
        return TopValue(0.0, 0.0, 0.0, "krylov")
    return search(tall, scale, squared_norm, GOAL, FIRST)


def search(tall: Float[Tensor, "n k"], scale: float, squared_norm: float, goal: float, first: int) -> TopValue | None:
    """σ₁ to a relative `goal`, looked for from `first` directions on. `squared_norm` is of the scaled matrix, not 0."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(1, tall.shape[1], generator=generator, dtype=torch.float64).to(tall.device)
    for space in spaces(_operator(tall, scale), start, first, min(ROOM, tall.shape[1] - 1)):
        value, error = bound_largest(space, len(tall), squared_norm)
        if error <= goal:
            return TopValue(value / scale, error, squared_norm / scale**2, "krylov")
    return None


def _operator(tall: Float[Tensor, "n k"], scale: float) -> Callable[[Rows], Rows]:
    """WᵀW, scaled, of vectors as rows."""
    if tall.numel() <= KEPT:
        matrix = tall.double() * scale
        return lambda rows: (rows @ matrix.mT) @ matrix

    def apply(rows: Rows) -> Rows:
        product = torch.zeros_like(rows)
        for part in torch.split(tall, max(1, BLOCK // tall.shape[1])):
            block = part.double().mul_(scale)
            product.addmm_(rows @ block.mT, block)
        return product

    return apply


def bound_largest(space: Space, rows: int, squared_norm: float) -> tuple[float, float]:
    """σ₁ of a W of that many rows as the space of one direction has it, and a bound on its relative error."""
    largest, reach = find_reach(space, rows, squared_norm)
    excess = reach.below(least_part(space.basis.shape[1])) if largest > 0.0 else math.inf
    return math.sqrt(largest), math.sqrt(1.0 + excess) - 1.0


def find_reach(space: Space, rows: int, squared_norm: float) -> tuple[float, "Reach"]:
    """The largest eigenvalue of the space, 0 where it has none above 0, and how far it reaches."""
    from scipy.linalg import eigh_tridiagonal  # a program should not wait for it to start

    off_diagonal = space.inner.diagonal(-1)
    tridiagonal = torch.diag(space.inner.diagonal()) + torch.diag(off_diagonal, 1) + torch.diag(off_diagonal, -1)
    residuals = space.images - tridiagonal @ space.basis  # 0 in all rows but the last, had float64 all digits
    values, vectors = eigh_tridiagonal(*(d.cpu().numpy() for d in (space.inner.diagonal(), off_diagonal)))
    largest = max(float(values[-1]), 0.0)
    unit = largest or 1.0
    noise = rounding(rows, space.basis.shape[1], squared_norm / unit) + float(residuals[:-1].norm()) / unit
    steps = np.append(off_diagonal.abs().cpu().numpy(), float(residuals[-1].norm())) / unit
    return largest, Reach(values / unit, steps, np.abs(vectors[0]), noise)


def rounding(rows: int, columns: int, stable_rank: float) -> float:
    """A bound on ‖error of WᵀW v‖ / λ₁ for a unit v, with high probability.

    A product with W errs by √k ε/2 ‖W‖_F, k the length of its sums (Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019).
    """
    return (math.sqrt(rows) + math.sqrt(columns)) * EPS / 2.0 * math.sqrt(stable_rank)


def least_part(side: int) -> float:
    """|uᵀv| of a unit vector u and a random one v of R^side is less than this with probability RISK.

    Its square is Beta(1/2, (side - 1)/2).
    """
    from scipy.special import betaincinv

    return math.sqrt(float(betaincinv(0.5, (side - 1) / 2.0, RISK)))


@dataclass(frozen=True)
class Reach:
    """How large a part in the start an eigenvalue λ beyond those found can have; all relative to the largest found."""

    values: Array  # of the space
    steps: Array  # beside the diagonal of T, and the last residual
    parts: Array  # of the start along the vectors of the space
    noise: float

    def at(self, excess: float) -> float:
        """‖R (λ - T)⁻¹ e₁‖ for λ = 1 + excess: what is left of the last row, and rounding in the others."""
        distance = 1.0 + excess - self.values
        with np.errstate(divide="ignore"):
            last = float(np.exp(np.log(self.steps).sum() - np.log(distance).sum()))
        return last + self.noise * float(np.linalg.norm(self.parts / distance))

    def below(self, part: float) -> float:
        """The least excess, to 1 %, from which on it is below `part`; inf where it is not at 1."""
        low, high = EPS, 1.0
        if self.at(high) >= part:
            return math.inf
        while high > 1.01 * low:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.at(middle) < part else (middle, high)
        return high
