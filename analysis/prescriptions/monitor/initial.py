"""Whether a checkpoint looks as it did before training: every matrix is independent numbers of one size.

A loader that finds no file may fall back to a new initialisation without a word. Marchenko and Pastur's edge is where
σ₁ of independent numbers lies, and their kurtosis is that of the law they were drawn from.
"""

import math
from collections.abc import Sequence

import numpy as np

from analysis.runtime.shapes import Float64

EDGE = 0.02  # relative difference of σ₁ from σ(√m + √n)
FINITE = 1.2  # times K^(-2/3) more for small matrices: some four Tracy-Widom deviations
LAWS = (3.0, 1.8)  # kurtosis of normal and of uniform numbers, which initialisations draw
ERRORS = 5.0  # standard errors of a kurtosis, √(24/mn) of normal numbers
SMALL = 32  # rows and columns below which σ₁ says little
ENOUGH = 3  # matrices


def looks_initial(matrix: Float64[np.ndarray, "m n"], largest: float) -> bool | None:
    """Whether kurtosis and σ₁, the largest singular value, are those of independent numbers; None of small matrices."""
    from scipy.stats import kurtosis  # takes longer to import than the rule does

    rows, columns = matrix.shape
    if min(rows, columns) < SMALL:
        return None
    spread = float(matrix.std())
    if spread == 0.0:
        return False
    edge = spread * (math.sqrt(rows) + math.sqrt(columns))
    error = ERRORS * math.sqrt(24.0 / matrix.size)
    peak = float(kurtosis(matrix, axis=None, fisher=False))
    room = EDGE + FINITE * min(rows, columns) ** (-2.0 / 3.0)
    return min(abs(peak - law) for law in LAWS) <= error and abs(largest / edge - 1.0) <= room


def all_look_initial(each: Sequence[bool | None]) -> bool:
    """Whether every matrix that can tell looks so, and at least three can."""
    answers = [one for one in each if one is not None]
    return len(answers) >= ENOUGH and all(answers)
