"""What the rounding of stored numbers adds to the difference of two checkpoints.

A tuned matrix is stored in some type, and its difference from the base holds that rounding. Where an update is as small
as that, its directions and its rank are those of noise, and many of its entries have vanished.
"""

import math

from analysis.runtime.arrays import SPACING, Numbers, dtype_name
from analysis.runtime.pytorch import Tensor
from analysis.runtime.shapes import Float


def unit(dtype: str) -> float:
    """‖error‖ / ‖W‖ that rounding W to a type makes, about: a quarter of the type's spacing at 1, 2^-9 for bfloat16.

    The largest relative error of one entry is twice as large, 2^-8 for bfloat16. The norm of all errors is 0.85 of this
    unit, for Gaussian entries and as the median over MiniLM's matrices (tests/analysis/linalg/test_rounding.py).
    """
    return SPACING[dtype] / 4.0


def floor(stored: Float[Tensor, "m n"]) -> float:
    """A singular value that rounding to the type of these entries does not reach: 2 u (longest row + longest column).

    u times that sum is the norm of a matrix of independent errors of deviation u |w| (Bandeira and van Handel, Annals
    of Probability 44, 2016), and where all |w| are alike the edge u ‖W‖ (1/√m + 1/√n) of Marchenko and Pastur. The 2
    leaves room for an adapter that was multiplied out in the same type before it was added.
    """
    squares = stored.double().square()
    longest = squares.sum(dim=1).max().sqrt() + squares.sum(dim=0).max().sqrt()
    return 2.0 * unit(dtype_name(stored)) * float(longest)


def flat(stored: Float[Numbers, "s m n"]) -> float:
    """What rounding alone makes the ends of a tail of equal eigenvalues differ by, at most, in ln λ: 4 (ε + √k ε₃₂).

    ε is the spacing at 1 of the type. No row or column is longer than σ₁, so that `floor` is at most ε σ₁; by Weyl each
    σ moves by no more, ln λ by twice that, and two ends by twice that again. The entries were found in float32 (ε₃₂) as
    a rule, also where they are kept in float64, by sums of k terms, k the smaller side: √k ε₃₂ in each σ. Orthogonal
    matrices reach 0.6 of the bound (tests/analysis/linalg/test_rounding.py). A tail so short would have an α above
    1 + 1 / bound: 32 in bfloat16, 250 in float16, and 1e4 in float32 or more.
    """
    single = SPACING["float32"]
    return 4.0 * (max(SPACING[dtype_name(stored)], single) + math.sqrt(min(stored.shape[1:])) * single)


def ratio(dtype: str, update: float, base: float) -> float | None:
    """‖ΔW‖ / (u ‖W₀‖): below about 3 an update is hardly more than rounding. None for a base of norm 0."""
    return update / (unit(dtype) * base) if base > 0.0 else None
