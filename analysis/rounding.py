"""What the rounding of stored numbers adds to the difference of two checkpoints.

A tuned matrix is stored in some type, and its difference from the base holds that rounding. Where an update is as small
as that, its directions and its rank are those of noise, and many of its entries have vanished.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def unit(dtype: torch.dtype) -> float:
    """‖error‖ / ‖W‖ that rounding W to a type makes, about: a quarter of the type's spacing at 1, 2^-9 for bfloat16.

    The largest relative error of one entry is twice as large, 2^-8 for bfloat16. The norm of all errors is 0.85 of this
    unit, for Gaussian entries and for those of MiniLM (tests/analysis/test_rounding.py).
    """
    return torch.finfo(dtype).eps / 4.0


def floor(stored: Float[Tensor, "m n"]) -> float:
    """A singular value that rounding to the type of these entries does not reach: 2 u (longest row + longest column).

    u times that sum is the norm of a matrix of independent errors of deviation u |w| (Bandeira and van Handel, Annals
    of Probability 44, 2016), and where all |w| are alike the edge u ‖W‖ (1/√m + 1/√n) of Marchenko and Pastur. The 2
    leaves room for an adapter that was multiplied out in the same type before it was added.
    """
    squares = stored.double().square()
    longest = squares.sum(dim=1).max().sqrt() + squares.sum(dim=0).max().sqrt()
    return 2.0 * unit(stored.dtype) * float(longest)


def ratio(dtype: torch.dtype, update: float, base: float) -> float | None:
    """‖ΔW‖ / (u ‖W₀‖): below about 3 an update is hardly more than rounding. None for a base of norm 0."""
    return update / (unit(dtype) * base) if base > 0.0 else None
