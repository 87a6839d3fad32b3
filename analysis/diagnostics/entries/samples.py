"""Some of the values of a weight: rows, columns and groups of neighbours, and how many different values they hold.

Values stay in float32, or what the file holds where that is more: sorted there they take a fifth to a tenth of the time
that float64 takes, and types of eight and sixteen bits are in float32 exactly.
"""

from dataclasses import dataclass

import numpy as np

from analysis.cached import once
from analysis.runtime.arrays import Numbers, as_array
from analysis.runtime.shapes import Float, Float64, Int

GROUPS = (128, 64, 32)  # inputs that share a scale in the usual formats
SEEN_LINES, SEEN = 32, 4096  # lines that are looked at, and entries of each


def exact(array: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The same values in a type that NumPy is fast in: float64 as it is, all others in float32."""
    with np.errstate(invalid="ignore"):
        values: Float[np.ndarray, "..."] = array if array.dtype.itemsize >= 4 else array.astype(np.float32)
    return values


@dataclass(frozen=True)
class Lines:
    """Lines of values, and what sorting each tells: found once, where it is asked for."""

    values: Float[np.ndarray, "r c"]

    @once
    def sorted_values(self) -> Float[np.ndarray, "r c"]:
        """Each line in ascending order."""
        return np.sort(self.values, axis=1)

    @once
    def zeros(self) -> Int[np.ndarray, " r"]:
        """How many values of each line are 0."""
        return _count(self.values == 0.0)

    @once
    def nonzeros(self) -> Int[np.ndarray, " r"]:
        """How many are not."""
        found: Int[np.ndarray, " r"] = self.values.shape[1] - self.zeros
        return found

    @once
    def levels(self) -> Float64[np.ndarray, " r"]:
        """How many different values that are not 0 each line holds: repeats stand side by side once it is sorted."""
        repeats = _count(self.sorted_values[:, 1:] == self.sorted_values[:, :-1])
        found: Float64[np.ndarray, " r"] = (self.values.shape[1] - repeats - (self.zeros > 0)).astype(np.float64)
        return found

    @once
    def commonest(self) -> float:
        """The share of the commonest value, of all lines together; two or more are expected."""
        ranked = self.sorted_values.reshape(-1) if len(self.values) == 1 else np.sort(self.values, axis=None)
        places = np.flatnonzero(ranked[1:] == ranked[:-1])  # of a run of k equal values k - 1, one after the other
        starts = np.flatnonzero(np.diff(places, prepend=-2) != 1)
        longest = int(np.diff(starts, append=len(places)).max()) if len(places) else 0
        return (longest + 1) / ranked.size

    def __len__(self) -> int:
        return len(self.values)


def _count(flags: np.ndarray) -> Int[np.ndarray, " r"]:
    """How many of each line are true; faster than a sum where few are."""
    rows, width = flags.shape
    counts: Int[np.ndarray, " r"] = np.bincount(np.flatnonzero(flags) // max(1, width), minlength=rows)
    return counts


class Samples:
    """What is looked at of a matrix whose values lie in the order in which they are stored."""

    def __init__(self, numbers: Float[Numbers, "m n"]) -> None:
        self.matrix = as_array(numbers)

    @once
    def rows(self) -> Lines:
        """Some rows, evenly spread, and the first entries of each."""
        return Lines(_some(self.matrix))

    @once
    def columns(self) -> Lines:
        return Lines(np.ascontiguousarray(_some(self.matrix.T)))

    @once
    def all_rows(self) -> Lines:
        """The rows in one."""
        return Lines(self.rows.values.reshape(1, -1))

    @once
    def blocks(self) -> dict[int, Lines]:
        """Of each size some groups of so many neighbours in the order of the file, past the ends of rows."""
        flat = self.matrix.reshape(-1)
        return {size: Lines(_spread(flat, size)) for size in GROUPS}

    @once
    def blocks_of_columns(self) -> dict[int, Lines]:
        """The columns cut into groups; none where they are shorter."""
        return {size: Lines(cut(self.columns.values, size)) for size in GROUPS}


def _some(matrix: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "r c"]:
    return exact(matrix[:: max(1, len(matrix) // SEEN_LINES)][:SEEN_LINES, :SEEN])


def _spread(flat: Float[np.ndarray, " p"], size: int) -> Float[np.ndarray, "g size"]:
    groups = flat[: len(flat) // size * size].reshape(-1, size)
    return exact(groups[:: max(1, len(groups) * size // (SEEN_LINES * SEEN))])


def cut(lines: Float[np.ndarray, "r c"], size: int) -> Float[np.ndarray, "g size"]:
    """The lines cut into groups of so many; none where they are shorter."""
    return lines[:, : lines.shape[1] // size * size].reshape(-1, size)
