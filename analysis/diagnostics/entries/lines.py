"""The rows and columns of a weight: which are zero, which are equal, and how much their sizes differ.

A row is an output with all its kernel positions, a column an input with all of them.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from analysis.linalg.spectrum import BLOCK
from analysis.runtime.arrays import Numbers, as_array, double
from analysis.runtime.shapes import Float, Float64, Int, Shaped

COMPARED = 16  # entries of a line that are looked at first: lines that differ in them need no further look
CACHED = 1 << 15  # numbers in float64 that stay in the nearest caches


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
    count, m, n = array.shape
    parts = np.zeros((count, 2, m))  # of each row of each slice
    columns, further, largest, height = np.zeros((2, n)), np.zeros(3), (0.0, 0, 0), max(1, BLOCK // n)
    for matrix, own in zip(array, parts, strict=True):
        for start in range(0, m, height):
            there = slice(start, start + height)
            peak, place = _add(matrix[there], 1.0 / unit, own[:, there], columns, further)
            largest = max(largest, (peak, start + place // n, place % n))
    rows, totals = parts.sum(axis=0), parts.sum(axis=2)
    cubes, fourths, zeros = further.tolist()
    return Sums(rows[1], columns[1], rows[0], columns[0], totals, cubes, fourths, int(zeros), largest)


def _add(
    matrix: Float[np.ndarray, "b n"],
    scale: float,
    rows: Float64[np.ndarray, "2 b"],
    columns: Float64[np.ndarray, "2 n"],
    further: Float64[np.ndarray, " 3"],
) -> tuple[float, int]:
    """Adds to the sums and sums of squares of rows and columns, and to the cubes, fourth powers and zeros.

    A few rows at a time, that stay in the cache. Gives the largest |w| and the first place in the block that has it.
    """
    peak, place, height = 0.0, 0, max(1, CACHED // matrix.shape[1])
    for start in range(0, len(matrix), height):
        block = double(matrix[start : start + height]) * scale
        square = np.square(block)
        for i, values in enumerate((block, square)):
            rows[i, start : start + height] = values.sum(axis=1)
            columns[i] += values.sum(axis=0)
        is_zero = np.count_nonzero(block == 0.0)
        further += (np.einsum("ij,ij->i", square, block).sum(), np.einsum("ij,ij->i", square, square).sum(), is_zero)
        top = max(float(block.max()), -float(block.min()))
        if top > peak:
            peak, place = top, start * matrix.shape[1] + int(np.abs(block).argmax())
    return peak, place


def equal(matrix: Float[Numbers, "m n"]) -> int:
    """How many rows that are not zero repeat an earlier row, bit by bit.

    Rows whose first entries have sums of their own need no further look, nor do those whose entries have; what is left
    is compared.
    """
    rows = as_array(matrix)
    bits = rows.view(f"uint{8 * rows.itemsize}")
    candidates = np.arange(len(bits))
    for width in (COMPARED, bits.shape[1]):
        sums_of_bits = _mix(bits, candidates, width)
        ranked = np.sort(sums_of_bits)
        again = ranked[1:][ranked[1:] == ranked[:-1]]
        if not len(again):
            return 0
        candidates = candidates[np.isin(sums_of_bits, again)]
    return _repeats(rows, candidates)


def _mix(bits: Shaped[np.ndarray, "m n"], chosen: Int[np.ndarray, " c"], width: int) -> Shaped[np.ndarray, " c"]:
    """A sum modulo 2⁶⁴ of the first entries of each chosen row, each times its own number: equal for equal rows."""
    width = min(width, bits.shape[1])
    factors = np.random.default_rng(0).integers(0, 1 << 63, width, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    height, found = max(1, CACHED // width), np.empty(len(chosen), dtype=np.uint64)
    for start in range(0, len(chosen), height):
        some = bits[chosen[start : start + height], :width].astype(np.uint64)
        some ^= some >> np.uint64(31)
        found[start : start + height] = (some * factors).sum(axis=1)
    return found


def _repeats(rows: Float[np.ndarray, "m n"], candidates: Int[np.ndarray, " c"]) -> int:
    seen: set[bytes] = set()
    repeats = 0
    for index in candidates.tolist():
        if not double(rows[index]).any():
            continue
        key = hashlib.blake2b(rows[index].tobytes()).digest()  # short, however long the rows are
        repeats += key in seen
        seen.add(key)
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
