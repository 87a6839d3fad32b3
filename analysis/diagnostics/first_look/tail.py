"""The exponent of a large weight from a few small windows, with an interval that holds what all of it would say.

Hill's exponent of the pooled eigenvalues of square windows (FARMS, Hu et al., ICML 2025, arXiv 2506.06280), as
`farms` has it from windows of up to 1024. Small windows see less of what correlates far apart, which chance between
them does not show: the ends of the interval are factors that were measured (docs/first-look.md).
"""

from dataclasses import dataclass

import numpy as np

from analysis.linalg import rounding
from analysis.linalg.spectrum import decompose
from analysis.runtime.pytorch import Tensor
from analysis.runtime.shapes import Float
from analysis.statistics import power_law

SHARE, NARROWEST, WIDEST = 8, 96, 256  # a window's side: that part of the smaller side, within these
MOST = 8  # windows
LEAP = 3  # coprime to MOST, so that they lie on no diagonal
LEAST, GREATEST = 0.75, 1.4  # times the exponent less 1: the ends of the interval (docs/first-look.md)
NOISE = 2.05  # from here on windows see noise, which a flatter spectrum of the whole looks like too


@dataclass(frozen=True, slots=True)
class TailEstimate:
    """An exponent with the ends of its interval, None where it is open, and the windows that it is from."""

    alpha: float
    low: float
    high: float | None
    side: int
    count: int


def estimate(matrix: Float[Tensor, "m n"]) -> TailEstimate | None:
    """None where the windows have no exponent: half of their eigenvalues are zero, or all are equal."""
    side = window_side(*matrix.shape)
    found = [np.square(decompose(window[None]).values) for window in windows(matrix, side)]
    alpha = power_law.hill(np.sort(np.concatenate(found)), rounding.flat(matrix[None, :side, :side]))
    if alpha is None:
        return None
    above = alpha - 1.0
    high = 1.0 + GREATEST * above if alpha < NOISE else None
    return TailEstimate(alpha, 1.0 + LEAST * above, high, side, len(found))


def window_side(rows: int, columns: int) -> int:
    return max(NARROWEST, min(WIDEST, min(rows, columns) // SHARE))


def windows(matrix: Float[Tensor, "m n"], side: int) -> list[Tensor]:
    """Square windows that do not overlap, spread over all rows and columns, at most MOST."""
    down, across = (extent // side for extent in matrix.shape)
    count = min(MOST, max(down, across))
    places = ((i * down // count, (i * LEAP) % count * across // count) for i in range(count))
    return [matrix[i * side : (i + 1) * side, j * side : (j + 1) * side] for i, j in places]
