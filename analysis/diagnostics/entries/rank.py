"""The rank of a weight at the precision in which its values are stored.

A product of two thin factors that is stored in float32 has full rank by any tolerance of float64: its last digits are
noise. That noise has singular values too, up to roundoff · rms · (√m + √n), and what is no larger is not the weight's.
"""

import math

import numpy as np

from analysis.linalg.spectrum import Spectrum

# times the edge of rounding noise: 8 for float32, where products of factors err by several roundings each, and 2 for
# halves, whose edge comes near real values. Products of rank 16 in float32 end at 1.4, in bfloat16 at 0.6 of the edge
MARGIN, MARGIN_OF_HALVES = 8.0, 2.0


def stored_rank(spectrum: Spectrum, rms: float, roundoff: float) -> int:
    """Singular values, of all slices, that rounding to the stored type cannot have made."""
    edge = rounding_edge(spectrum, rms, roundoff)
    exact = spectrum.slices[:, -1:] * max(spectrum.rows, spectrum.columns) * 2.0**-52
    return int(np.count_nonzero(spectrum.slices > np.maximum(edge, exact)))


def rounding_edge(spectrum: Spectrum, rms: float, roundoff: float) -> float:
    """The largest singular value that rounding to the stored type can make, with a margin."""
    margin = MARGIN if roundoff < 2.0**-20 else MARGIN_OF_HALVES
    return margin * roundoff * rms * (math.sqrt(spectrum.rows) + math.sqrt(spectrum.columns))
