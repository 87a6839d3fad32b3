"""The rows and columns of a weight: which are zero, which are equal, and how much their sizes differ.

A row is an output with all its kernel positions, a column an input with all of them.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.linalg.kernels import add_inner_products
from analysis.linalg.spectrum import BLOCK
from analysis.runtime.arrays import Numbers, as_array, double
from analysis.runtime.shapes import Float, Float64

COMPARED = 16  # entries of a line that are looked at first: lines that differ in them need no further look
FEW = 256  # rows whose cosines are found


@dataclass(frozen=True, slots=True)
class Sums:
    """What one pass over the entries adds up; of a finite weight."""

    rows: Float64[np.ndarray, " m"]  # sum of the squares of each row
    columns: Float64[np.ndarray, " n"]
    row_sums: Float64[np.ndarray, " m"]
    column_sums: Float64[np.ndarray, " n"]
    slices: Float64[np.ndarray, "s 2"]  # sum and sum of squares of each kernel position
    cubes: float
    fourths: float
    zeros: int
    largest: tuple[float, int, int]  # |w| and its row and column

    @property
    def squares(self) -> float:
        return math.fsum(self.rows)


def sums(slices: Float[Numbers, "s m n"], unit: float) -> Sums:
    """Of the entries over `unit`, a power of two near the largest, so that no fourth power leaves float64."""
    array = as_array(slices)
    _, m, n = array.shape
    rows, row_sums, columns, column_sums = (np.zeros(size) for size in (m, m, n, n))
    slice_sums, cubes, fourths, zeros, largest = [], 0.0, 0.0, 0, (0.0, 0, 0)
    for matrix in array:
        totals = np.zeros(2)
        for start in range(0, m, max(1, BLOCK // n)):
            block = double(matrix[start : start + max(1, BLOCK // n)]) / unit
            square = np.square(block)
            rows[start : start + len(block)] += square.sum(axis=1)
            columns += square.sum(axis=0)
            row_sums[start : start + len(block)] += block.sum(axis=1)
            column_sums += block.sum(axis=0)
            totals += (block.sum(), square.sum())
            zeros += block.size - int(np.count_nonzero(block))
            index = int(square.argmax())
            largest = max(largest, (math.sqrt(square.flat[index]), start + index // n, index % n))
            cubes += float((square * block).sum())  # not by BLAS, whose sums hang on threads
            fourths += float(np.square(square).sum())
        slice_sums.append(totals)
    return Sums(rows, columns, row_sums, column_sums, np.array(slice_sums), cubes, fourths, zeros, largest)


def equal(matrix: Float[Numbers, "m n"]) -> int:
    """How many rows that are not zero repeat an earlier row, bit by bit."""
    rows = as_array(matrix)
    if len(rows) < 2:
        return 0
    head = double(rows[:, :COMPARED])
    _, first, counts = np.unique(head, axis=0, return_inverse=True, return_counts=True)
    first = first.reshape(-1)
    candidates = np.flatnonzero(counts[first] > 1)
    keys: set[tuple[int, bytes]] = set()
    repeats = 0
    for index in candidates.tolist():
        line = double(rows[index])
        if not line.any():
            continue
        key = (int(first[index]), line.tobytes())
        repeats += key in keys
        keys.add(key)
    return repeats


def isolation(slices: Float[Numbers, "s m n"], row: int, column: int) -> float:
    """The largest entry over the next largest of its row and column; infinite where they hold nothing else."""
    array = as_array(slices)
    line, other = (np.abs(double(part)).reshape(-1) for part in (array[:, row], array[:, :, column]))
    top = max(float(line.max()), float(other.max()))
    rest = max(_second(line, top), _second(other, top))
    return top / rest if rest > 0.0 else math.inf


def _second(values: Float64[np.ndarray, " p"], top: float) -> float:
    rest = values[values < top]
    return float(rest.max()) if rest.size else 0.0


def cosine(matrix: Float[Numbers, "m n"]) -> float | None:
    """Root mean square cosine of two rows, times √n: 1 in noise. Of up to 256 rows; None with less than two."""
    gram = _cosines(as_array(matrix)[:: max(1, len(matrix) // FEW)][:FEW], centred=False)
    if len(gram) < 2:
        return None
    count = len(gram) * (len(gram) - 1)
    return math.sqrt(float(np.square(gram).sum()) / count * matrix.shape[1])


def likeness(lines: Float[Numbers, "m n"]) -> float:
    """By how many standard errors the cosines of lines are larger, or smaller, than those of independent entries.

    Of two independent lines of n entries, n cos² has mean 1 and variance 2 (n - 1) / (n + 2), and those of all pairs of
    m lines are uncorrelated (Muirhead 1982, theorem 1.5.7), so that their mean is known to √(2 / pairs).
    Of up to 256 lines, about the mean of all their entries.
    """
    gram = _cosines(as_array(lines)[:: max(1, len(lines) // FEW)][:FEW], centred=True)
    count, length = len(gram), lines.shape[1]
    if count < 2 or length < 2:
        return 0.0
    pairs = count * (count - 1) / 2.0
    mean = float(np.square(gram).sum()) / 2.0 / pairs * length
    return abs(mean - 1.0) / math.sqrt(2.0 * (length - 1) / (length + 2) / pairs)


def _cosines(lines: Float[np.ndarray, "m n"], centred: bool) -> Float64[np.ndarray, "k k"]:
    """Of each two lines that are not zero, 0 on the diagonal; of the entries less their mean where centred.

    Some entries at a time: the lines of a long matrix in float64 would be further copies of it.
    """
    width = max(1, BLOCK // len(lines))
    parts = [lines[:, start : start + width] for start in range(0, lines.shape[1], width)]
    largest = max(float(np.abs(double(part)).max()) for part in parts) or 1.0
    mean = math.fsum(float((double(part) / largest).sum()) for part in parts) / lines.size if centred else 0.0
    lower = np.zeros((1, len(lines), len(lines)))
    for part in parts:
        add_inner_products(lower, (double(part) / largest - mean).T[None])
    gram = np.tril(lower[0]) + np.tril(lower[0], -1).T
    sizes = np.sqrt(gram.diagonal())
    is_nonzero = sizes > 0.0
    sizes, gram = sizes[is_nonzero], gram[is_nonzero][:, is_nonzero]
    cosines: Float64[np.ndarray, "k k"] = gram / sizes[:, None] / sizes
    np.fill_diagonal(cosines, 0.0)
    return cosines


def spread(energies: Float64[np.ndarray, " m"], each: int, variance: float, fourth: float) -> float:
    """By how many standard errors the energies of lines differ more than those of independent entries.

    `each` entries in a line, of that variance and fourth moment: the sum of squares over its variance is χ² then, with
    one degree of freedom less than lines.
    """
    expectation = each * (fourth - variance * variance)
    if len(energies) < 2 or expectation <= 0.0:
        return 0.0
    return _standard(float(np.square(energies - energies.mean()).sum()) / expectation, len(energies) - 1)


def drift(totals: Float64[np.ndarray, " m"], each: int, variance: float) -> float:
    """The same of the sums of lines: independent entries have sums that differ by √(each · variance)."""
    if len(totals) < 2 or variance <= 0.0:
        return 0.0
    return _standard(float(np.square(totals - totals.mean()).sum()) / (each * variance), len(totals) - 1)


def _standard(statistic: float, freedom: int) -> float:
    """A χ² in standard errors: its cube root is all but normal (Wilson and Hilferty, PNAS 17, 1931)."""
    width = 2.0 / (9.0 * freedom)
    return (math.cbrt(statistic / freedom) - (1.0 - width)) / math.sqrt(width)
