"""Which eigenvalues a fit may see, when there are too few for a firm one, and why there is none."""

import numpy as np

from analysis.findings.wording import quantity
from analysis.runtime.shapes import Float64
from analysis.statistics import power_law
from analysis.statistics.power_law import RELATIVE_CUT

WEIGHTWATCHER_CUT = 1e-5  # WeightWatcher's EVALS_THRESH, an absolute λ
FEW, THIN = 50, 20  # eigenvalues, and tail points, below which a fit is no firm number

NO_FIT = "fewer than eight eigenvalues, or all are equal up to rounding"


def usable_eigenvalues(eigenvalues: Float64[np.ndarray, " k"], compatible: bool) -> Float64[np.ndarray, " p"]:
    """The ascending eigenvalues that a fit may see."""
    cut = WEIGHTWATCHER_CUT if compatible else RELATIVE_CUT * eigenvalues[-1]
    return eigenvalues[np.searchsorted(eigenvalues, cut, side="right") :]


def reason_not_to_fit(size: int, least: int, most: int) -> str | None:
    """Why a spectrum of that many eigenvalues is not to be fitted, None where it is; `most` 0 is any number."""
    if power_law.SMALLEST <= size < least:
        return f"{quantity(size, 'eigenvalue')}; min_evals asks for {least}"
    if most and size > most:
        return f"{quantity(size, 'eigenvalue')}; max_evals allows {most}"
    return None


def no_fit(eigenvalues: Float64[np.ndarray, " k"], tail: Float64[np.ndarray, " p"], left_out: int = 0) -> str:
    """Why there is no fit to the tail, in words; `left_out` of the largest were not to be fitted."""
    if eigenvalues[-1] == 0.0:
        return "the matrix is zero"
    if tail.size >= power_law.SMALLEST:
        return "its eigenvalues are equal up to the rounding of their type, so there is no tail"
    if left_out and tail.size + left_out >= power_law.SMALLEST:
        return f"leave_out leaves {tail.size} of {eigenvalues.size} eigenvalues; a tail needs {power_law.SMALLEST}"
    if tail.size == eigenvalues.size:
        return f"{quantity(tail.size, 'eigenvalue')}; a tail needs {power_law.SMALLEST}"
    return f"only {tail.size} of {eigenvalues.size} eigenvalues are above the cut; a tail needs {power_law.SMALLEST}"
