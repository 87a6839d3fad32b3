"""How much two subspaces have in common: overlap, principal angles, and what chance would give.

A subspace of R^m is a matrix with orthonormal columns, (m, i). LoRA (Hu et al., ICLR 2022, arXiv 2106.09685, section
7.2) compares the leading singular vectors of two updates by the overlap.
"""

import math

from analysis.linalg.reduction import Reduction
from analysis.linalg.spectrum import EPS
from analysis.linalg.triplets import Triplets
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64


def extent(triplets: Triplets | Reduction) -> int:
    """How many singular values are no rounding: above σ₁ max(m, n) ε, as numpy.linalg.matrix_rank has it."""
    if isinstance(triplets, Reduction):
        return len(triplets.values)  # of full rank, or there would be none
    return above_rounding(triplets.values, max(len(triplets.left), len(triplets.right)))


def above_rounding(values: Float64[Tensor, " k"], longest: int) -> int:
    """The same of descending values alone, of a matrix whose longer side is `longest`."""
    if not len(values) or float(values[0]) == 0.0:
        return 0
    return int((values > float(values[0]) * longest * EPS).sum())


def overlap(one: Float64[Tensor, "m i"], other: Float64[Tensor, "m j"]) -> float:
    """φ = ‖one ᵀ other‖² / min(i, j), 0 to 1: the mean squared cosine of the principal angles (LoRA, section 7.2).

    0 where every direction of one is at right angles to the other; 1 where the smaller lies within the larger.
    """
    energy = float((one.mT @ other).square().sum())
    return min(1.0, energy / min(one.shape[1], other.shape[1]))


def chance(i: int, j: int, rows: int) -> float:
    """The mean overlap of an i- and a j-dimensional subspace of R^m drawn at random: max(i, j) / m."""
    return max(i, j) / rows


def chance_deviation(i: int, j: int, rows: int) -> float:
    """The standard deviation of that overlap.

    √(2 i j (m - i)(m - j) / (m² (m - 1)(m + 2))) / min(i, j): the variance of tr(P Q) for projections P and Q of rank i
    and j, one of them turned by a random rotation; 0 where one of them is everything.
    """
    if rows < 2:
        return 0.0
    variance = 2.0 * i * j * (rows - i) * (rows - j) / (rows**2 * (rows - 1.0) * (rows + 2.0))
    return math.sqrt(variance) / min(i, j)


def angles(one: Float64[Tensor, "m i"], other: Float64[Tensor, "m j"]) -> Float64[Tensor, " k"]:
    """The min(i, j) principal angles, ascending, in radians from 0 to π/2.

    Cosines lose half the digits of a small angle and sines those of a large one: each serves where it is exact
    (Björck and Golub, Mathematics of Computation 27, 1973; Knyazev and Argentati, SIAM J. Sci. Comput. 23, 2002).
    """
    large, small = (one, other) if one.shape[1] >= other.shape[1] else (other, one)
    product = large.mT @ small  # (i, j), i ≥ j
    cosines = torch.linalg.svdvals(product).clamp(max=1.0)  # descending
    rest = small - large @ product
    sines = torch.linalg.svdvals(rest)[: len(cosines)].flip(0).clamp(max=1.0)
    return torch.where(cosines.square() < 0.5, torch.arccos(cosines), torch.arcsin(sines))


def chordal_distance(between: Float64[Tensor, " k"]) -> float:
    """√Σ sin² θ of principal angles in radians: 0 to √k, and k (1 - φ) is its square."""
    return float(torch.linalg.vector_norm(torch.sin(between)))
