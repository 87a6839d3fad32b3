"""Whether the values of a weight lie on a grid, as quantising leaves them: of the tensor, of each row, of a group.

Values on an even grid differ by whole numbers of steps, so that for the right number of steps q between the least and
the largest of them, all (w - min) q / (max - min) are whole. Codebooks that are not even (NF4, floats of eight or four
bits) show by how few different values there are.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.runtime.arrays import Numbers, as_array, double, dtype_name
from analysis.runtime.shapes import Bool, Float, Float64

GROUPS = (128, 64, 32)  # inputs that share a scale in the usual formats
MOST_STEPS = 255  # eight bits
SEEN_LINES, SEEN = 32, 4096  # lines that are looked at, and entries of each
LEAST = 16  # values below which a grid proves nothing
TOGETHER, TRIED = 64, 8  # lines that are tried at once, and values of each that come first
SHARE = 0.9  # of the lines that must lie on a grid
TIES_OF_HALVES, LEVELS_OF_HALVES = 0.25, 16  # halves repeat by themselves: 64 of a normal law hold 50 different ones
FEWEST_STEPS, COARSE = 10, 15  # of a grid whose zeros can be judged; of 4 bits
EXACT = 2.0**-24  # roundoff of values that were stored as they are
GAP, EXCESS = 1.9, 4.0  # steps from 0 to the next level, and how far zeros outnumber it: from there on they were set
SURE, REPEATED = 1024, 4  # entries, and how often each value comes on average, from which on few values are a codebook
TIES = 0.5  # share of different values among those that are not 0, below which they repeat; noise has nearly 1


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the values lie: `of` "tensor", "row", "column" or "group of 64", and the steps of the finest such grid."""

    of: str
    steps: int
    is_even: bool = True  # else a codebook

    @property
    def bits(self) -> int:
        return max(1, math.ceil(math.log2(self.steps + 1)))


def sample(matrix: Float[Numbers, "m n"]) -> Float64[np.ndarray, "r c"]:
    """Some rows, evenly spread, and the first entries of each."""
    return double(as_array(matrix)[:: max(1, len(matrix) // SEEN_LINES)][:SEEN_LINES, :SEEN])


def levels(lines: Float64[np.ndarray, "r c"]) -> Float64[np.ndarray, " r"]:
    """How many different values that are not 0 each line holds."""
    sorted_lines = np.sort(lines, axis=1)
    fresh = sorted_lines != 0.0
    fresh[:, 1:] &= sorted_lines[:, 1:] != sorted_lines[:, :-1]
    counts: Float64[np.ndarray, " r"] = np.count_nonzero(fresh, axis=1).astype(float)
    return counts


def cut_groups(lines: Float64[np.ndarray, "r c"], size: int) -> Float64[np.ndarray, "g size"]:
    """The lines cut into groups; none where they are shorter."""
    end = lines.shape[1] // size * size
    return lines[:, :end].reshape(-1, size)


def blocks(matrix: Float[Numbers, "m n"], size: int) -> Float64[np.ndarray, "g size"]:
    """Some blocks of so many neighbours in the order in which the values are stored, past the ends of rows."""
    flat = as_array(matrix).reshape(-1)
    groups = flat[: len(flat) // size * size].reshape(-1, size)
    return double(groups[:: max(1, len(groups) * size // (SEEN_LINES * SEEN))])


def commonest(lines: Float64[np.ndarray, "r c"]) -> float:
    """The share of the commonest value among those looked at."""
    _, counts = np.unique(lines, return_counts=True)
    return float(counts.max()) / lines.size


def steps(values: Float64[np.ndarray, " c"], roundoff: float) -> int | None:
    """The fewest steps between least and largest that put every value on an even grid; None up to 255.

    `roundoff`: relative error of a stored value. A grid that rounding alone could feign is none.
    """
    uniques = np.unique(values)
    low, high = float(uniques[0]), float(uniques[-1])
    nonzeros = int(np.count_nonzero(values))
    if nonzeros < LEAST or len(uniques) < 2 or len(uniques) > MOST_STEPS + 1:
        return None
    tolerance = 4.0 * roundoff * max(abs(low), abs(high)) / (high - low)
    counts = np.arange(len(uniques) - 1, MOST_STEPS + 1)[:, None]  # (q, 1)
    places = (uniques - low) / (high - low) * counts  # (q, values)
    off = np.abs(places - np.rint(places)).max(axis=1)
    fits = np.flatnonzero((off <= tolerance * counts[:, 0] + 1e-6) & (tolerance * counts[:, 0] < 0.1))
    if not len(fits):
        return None
    count = int(counts[fits[0], 0])
    chance = len(counts) * (2.0 * tolerance * count + 2e-6) ** (len(uniques) - 2) if len(uniques) > 2 else 1.0
    return count if chance < 1e-6 or nonzeros >= 8 * len(uniques) else None


def even(lines: Float64[np.ndarray, "r c"], roundoff: float) -> int | None:
    """The steps of the finest grid among the lines, where nine tenths of those that vary lie on one."""
    vary = lines[(np.count_nonzero(lines, axis=1) >= LEAST) & (lines.min(axis=1) < lines.max(axis=1))]
    finest, misses = 0, 0
    for start in range(0, len(vary), TOGETHER):
        some = vary[start : start + TOGETHER]
        for line, possible in zip(some, _may_fit(some, roundoff), strict=True):
            count = steps(line, roundoff) if possible else None
            misses += count is None
            finest = max(finest, count or 0)
        if len(vary) - misses < SHARE * len(vary):
            return None
    return finest or None


def _may_fit(lines: Float64[np.ndarray, "r c"], roundoff: float) -> Bool[np.ndarray, " r"]:
    """Whether a few values of each line, of which all vary, lie on some grid: most lines fail here already."""
    low, high = lines.min(axis=1)[:, None, None], lines.max(axis=1)[:, None, None]
    few = lines[:, :: max(1, lines.shape[1] // TRIED)][:, :TRIED, None]  # (r, values, 1)
    counts = np.arange(1.0, MOST_STEPS + 1)
    tolerance = 4.0 * roundoff * np.maximum(np.abs(low), np.abs(high)) / (high - low)
    places = (few - low) / (high - low) * counts  # (r, values, q)
    off = np.abs(places - np.rint(places)).max(axis=1)
    allowed = tolerance[:, 0] * counts
    found: Bool[np.ndarray, " r"] = ((off <= allowed + 1e-6) & (allowed < 0.1)).any(axis=1)
    return found


def grid(numbers: Float[Numbers, "m n"], roundoff: float) -> Grid | None:
    """The widest even grid on which the values lie; else the codebook that they come from; None where neither.

    Of values in the order in which they are stored, since quantisers group neighbours.
    """
    matrix = as_array(numbers)
    rows, columns = sample(matrix), sample(matrix.T)
    if roundoff > EXACT and (whole := _whole_numbers(rows)) is not None:
        return whole
    for unit, lines in (
        ("tensor", rows.reshape(1, -1)),
        ("row", rows),
        ("column", columns),
        *((f"group of {size}", blocks(matrix, size)) for size in GROUPS),
        *((f"group of {size} outputs", cut_groups(columns, size)) for size in GROUPS),
    ):
        step_count = even(lines, roundoff) if lines.size else None
        if step_count is not None:
            return Grid(unit, step_count)
    return _codebook(matrix, rows, roundoff)


def _whole_numbers(rows: Float64[np.ndarray, "r c"]) -> Grid | None:
    """The grid of values that halves hold without rounding, such as codes; None where most of its levels are empty."""
    exact = even(rows.reshape(1, -1), EXACT)
    is_filled = exact is not None and 2.0 * levels(rows.reshape(1, -1))[0] >= exact
    return Grid("tensor", exact) if exact is not None and is_filled else None


def _codebook(matrix: Float[np.ndarray, "m n"], rows: Float64[np.ndarray, "r c"], roundoff: float) -> Grid | None:
    """Few different values that lie on no even grid, or on one that rounding to halves has blurred.

    Of the whole tensor; but of a group where that takes four bits or fewer, since scales of groups are few as well.
    """
    nonzeros = np.count_nonzero(rows)
    level_count = float(levels(rows.reshape(1, -1))[0])
    group = _codebook_of_groups(matrix, rows, roundoff)
    is_small = group is not None and group.steps <= COARSE < level_count
    if not is_small and level_count <= MOST_STEPS + 1 and nonzeros >= max(SURE, REPEATED * level_count):
        return Grid("tensor", max(1, int(level_count)), is_even=False)
    return group


def _codebook_of_groups(
    matrix: Float[np.ndarray, "m n"], rows: Float64[np.ndarray, "r c"], roundoff: float
) -> Grid | None:
    ties, max_levels = (TIES, MOST_STEPS) if roundoff < 2.0**-20 else (TIES_OF_HALVES, LEVELS_OF_HALVES)
    for unit, lines in (*((f"group of {size}", blocks(matrix, size)) for size in (64, 128, 32)), ("row", rows)):
        counts = np.count_nonzero(lines, axis=1) if lines.size else np.zeros(0)
        full = counts >= 2 * LEAST
        middle = float(np.median(levels(lines[full]))) if full.any() else math.inf
        if middle <= max_levels and float(np.median(levels(lines[full]) / counts[full])) < ties:
            return Grid(unit, int(middle) - int(np.all(rows != 0.0)), is_even=False)  # 0 is a value too
    return None


def has_excess_zeros(matrix: Float[Numbers, "m n"], found: Grid) -> bool:
    """Whether values on a grid hold more zeros than rounding leaves: of each second line, or more.

    Of values of one hump the zeros are hardly more than the next level, and those not much more than the one after it.
    Zeros that were set leave a gap below the next level, or outnumber it by far more than it outnumbers the third. Of a
    codebook, whose levels are no such steps, it cannot be asked.
    """
    lines = sample(matrix.T if found.of.startswith("column") or found.of.endswith("outputs") else matrix)
    lines = lines.reshape(1, -1) if found.of == "tensor" else lines
    told = [_outnumber(line, found.steps) for line in lines if np.count_nonzero(line) >= LEAST]
    return bool(told) and sum(told) > len(told) / 2


def _outnumber(line: Float64[np.ndarray, " c"], count: int) -> bool:
    sizes, counts = np.unique(np.round(np.abs(line) / np.abs(line).max(), 6), return_counts=True)
    if sizes[0] > 0.0 or len(sizes) < 3 or count < FEWEST_STEPS:
        return False
    gap = sizes[1] / np.diff(sizes[1:]).min() if count <= COARSE else 0.0  # fine grids have empty levels anyhow
    first, second = counts[1] / 2.0, counts[2] / 2.0
    return bool(gap > GAP or counts[0] / first > EXCESS * max(1.0, first / second))


def stored_type(slices: Float[Numbers, "s m n"]) -> str:
    """The narrowest type that holds every value: "bfloat16", "float16", or that of the file."""
    array, own = as_array(slices), dtype_name(slices)
    if own not in ("float32", "float64"):
        return own
    candidates = [kind for kind in NARROWER if kind != own]
    height = max(1, (1 << 20) // array.shape[2])
    for block in (one[start : start + height] for one in array for start in range(0, len(one), height)):
        candidates = [kind for kind in candidates if _holds(kind, block)]
        if not candidates:
            return own
    return candidates[0]


def _holds(kind: str, block: Float[np.ndarray, "b n"]) -> bool:
    """Whether every value is one of that type."""
    with np.errstate(over="ignore"):
        narrow = block.astype(np.float32 if kind == "bfloat16" else kind)
    if not np.array_equal(narrow, block):
        return False
    return kind != "bfloat16" or not (narrow.view(np.uint32) & 0xFFFF).any()  # the upper half of a float32


NARROWER = ("bfloat16", "float16", "float32")  # the one to name first
ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-9}
