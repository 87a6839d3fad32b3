"""What stands apart within a weight: one row or column, a few directions, or a size that no entry passes.

And whether entries side by side go together, which tells smooth filters from independent entries.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.diagnostics.entries.rank import rounding_edge
from analysis.linalg.spectrum import Spectrum
from analysis.runtime.arrays import Numbers, as_array, double
from analysis.runtime.shapes import Float, Float64

FEWEST = 16  # lines, or singular values, below which one of them is no exception
ROWS_AT_ONCE = 1 << 20  # numbers turned into float64 together


@dataclass(frozen=True, slots=True)
class Line:
    """The row or column that is furthest from the others of its kind: "row 3", and its length over the next largest."""

    place: str
    excess: float


def longest_line(rows: Float64[np.ndarray, " m"], columns: Float64[np.ndarray, " n"]) -> Line | None:
    """By the sums of squares of the rows and of the columns; None where both are few or only one is not zero."""
    lines = [_longest("row", rows), _longest("column", columns)]
    return max((line for line in lines if line is not None), key=lambda line: line.excess, default=None)


def _longest(kind: str, energies: Float64[np.ndarray, " k"]) -> Line | None:
    if len(energies) < FEWEST:
        return None
    second, first = np.argpartition(energies, -2)[-2:]
    if energies[second] <= 0.0:
        return None
    return Line(f"{kind} {first}", math.sqrt(float(energies[first] / energies[second])))


def at_limit(rows: Float[np.ndarray, "r c"]) -> float:
    """The share of some rows' entries that have exactly the size of the largest of them."""
    sizes = np.abs(rows)
    return float(np.count_nonzero(sizes == sizes.max()) / rows.size)


@dataclass(frozen=True, slots=True)
class Gap:
    """After which singular value, from the second to the middle one, the next is smallest beside it, and by how much.

    Of kernels, the values of all positions are taken together, largest by largest. Values that rounding can make do not
    count.
    """

    after: int
    ratio: float


def widest_gap(spectrum: Spectrum, rms: float, roundoff: float) -> Gap | None:
    """None where there are fewer than 16 values, or all past the first few are rounding."""
    values = np.sqrt(np.square(spectrum.slices / spectrum.largest).mean(axis=0))[::-1] * spectrum.largest
    middle = len(values) // 2
    kept = int(np.count_nonzero(values[1 : middle + 1] > rounding_edge(spectrum, rms, roundoff)))
    if len(values) < FEWEST or kept < 2:
        return None
    ratios = values[1:kept] / values[2 : kept + 1]
    place = int(ratios.argmax())
    return Gap(place + 2, float(ratios[place]))


def neighbours(slices: Float[Numbers, "s m n"]) -> float:
    """By how many standard errors entries side by side in a row go together, or apart, more than independent ones do.

    About their mean, the products of p pairs of independent entries add up to 0 ± variance · √p. Filters over time or a
    spectrum are smooth, while each row and column by itself looks like any other.
    """
    array = as_array(slices)
    count, pairs = array.size, array[:, :, 1:].size
    largest = max(float(np.abs(double(part)).max()) for part in _parts(array))
    if not pairs or largest == 0.0:
        return 0.0
    mean = sum(float((double(part) / largest).sum()) for part in _parts(array)) / count
    products = squares = 0.0
    for part in _parts(array):
        centred = double(part) / largest - mean
        squares += float(np.square(centred).sum())
        products += float((centred[:, 1:] * centred[:, :-1]).sum())
    return abs(products) / (squares / count * math.sqrt(pairs)) if squares > 0.0 else 0.0


def _parts(array: Float[np.ndarray, "s m n"]) -> list[Float[np.ndarray, "b n"]]:
    """Some rows at a time."""
    height = max(1, ROWS_AT_ONCE // array.shape[2])
    return [matrix[start : start + height] for matrix in array for start in range(0, len(matrix), height)]
