"""Whether the values of a weight lie on a grid, as quantising leaves them: of the tensor, of each row, of a group.

Values on an even grid differ by whole numbers of steps, so that for the right number of steps q between the least and
the largest of them, all (w - min) q / (max - min) are whole. Codebooks that are not even (NF4, floats of eight or four
bits) show by how few different values there are.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.diagnostics.entries.samples import Lines, Samples
from analysis.runtime.arrays import Numbers, double
from analysis.runtime.shapes import Bool, Float, Float64

MOST_STEPS = 255  # eight bits
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


def even(lines: Lines, roundoff: float) -> int | None:
    """The steps of the finest grid among the lines, where nine tenths of those that vary lie on one.

    So many lines at a time as may be on none: of ordinary weights no more are looked at.
    """
    finest, misses, varying, count = 0, 0, 0, len(lines)
    if count - int((lines.levels > MOST_STEPS + 1).sum()) < SHARE * count:  # more values than a grid has places
        return None
    together = max(TOGETHER, math.ceil((1.0 - SHARE) * count) + 1)
    for start in range(0, count, together):
        some = _select_varying(double(lines.values[start : start + together]))
        varying += len(some)
        for line, possible in zip(some, _may_fit(some, roundoff), strict=True):
            step_count = steps(line, roundoff) if possible else None
            misses += step_count is None
            finest = max(finest, step_count or 0)
        if count - misses < SHARE * count:  # then misses are too many of the varying ones too, which are no more
            return None
    return finest or None if varying - misses >= SHARE * varying else None


def _select_varying(lines: Float64[np.ndarray, "r c"]) -> Float64[np.ndarray, "v c"]:
    """Those that hold two values or more, and enough that are not 0."""
    varies = ((lines != 0.0).sum(axis=1) >= LEAST) & (lines.min(axis=1) < lines.max(axis=1))
    return lines if varies.all() else lines[varies]


def _may_fit(lines: Float64[np.ndarray, "r c"], roundoff: float) -> Bool[np.ndarray, " r"]:
    """Whether a few values of each line, of which all vary, lie on some grid: most lines fail with the first."""
    few = lines[:, :: max(1, lines.shape[1] // TRIED)][:, :TRIED]  # (r, values)
    low, high = lines.min(axis=1)[:, None], lines.max(axis=1)[:, None]
    tolerance = 4.0 * roundoff * np.maximum(np.abs(low), np.abs(high)) / (high - low)
    found = _fits(few[:, :1], low, high, tolerance)
    rest = np.flatnonzero(found)
    found[rest] = _fits(few[rest], low[rest], high[rest], tolerance[rest])
    return found


def _fits(
    few: Float64[np.ndarray, "r v"],
    low: Float64[np.ndarray, "r 1"],
    high: Float64[np.ndarray, "r 1"],
    tolerance: Float64[np.ndarray, "r 1"],
) -> Bool[np.ndarray, " r"]:
    """Whether there is a number of steps with which all of these values of a line are whole."""
    counts = np.arange(1.0, MOST_STEPS + 1)
    places = ((few - low) / (high - low))[:, :, None] * counts  # (r, values, q)
    off = np.abs(places - np.rint(places)).max(axis=1)
    allowed = tolerance * counts
    found: Bool[np.ndarray, " r"] = ((off <= allowed + 1e-6) & (allowed < 0.1)).any(axis=1)
    return found


def grid(numbers: Float[Numbers, "m n"], roundoff: float) -> Grid | None:
    """The widest even grid on which the values lie; else the codebook that they come from; None where neither.

    Of values in the order in which they are stored, since quantisers group neighbours.
    """
    return grid_of(Samples(numbers), roundoff)


def grid_of(samples: Samples, roundoff: float) -> Grid | None:
    """The same of what is looked at."""
    if roundoff > EXACT and (whole := _whole_numbers(samples)) is not None:
        return whole
    for unit, lines in (
        ("tensor", samples.all_rows),
        ("row", samples.rows),
        ("column", samples.columns),
        *((f"group of {size}", lines) for size, lines in samples.blocks.items()),
        *((f"group of {size} outputs", lines) for size, lines in samples.blocks_of_columns.items()),
    ):
        step_count = even(lines, roundoff) if len(lines) else None
        if step_count is not None:
            return Grid(unit, step_count)
    return _codebook(samples, roundoff)


def _whole_numbers(samples: Samples) -> Grid | None:
    """The grid of values that halves hold without rounding, such as codes; None where most of its levels are empty."""
    exact = even(samples.all_rows, EXACT)
    is_filled = exact is not None and 2.0 * samples.all_rows.levels[0] >= exact
    return Grid("tensor", exact) if exact is not None and is_filled else None


def _codebook(samples: Samples, roundoff: float) -> Grid | None:
    """Few different values that lie on no even grid, or on one that rounding to halves has blurred.

    Of the whole tensor; but of a group where that takes four bits or fewer, since scales of groups are few as well.
    """
    nonzeros, level_count = int(samples.all_rows.nonzeros[0]), float(samples.all_rows.levels[0])
    group = _codebook_of_groups(samples, roundoff)
    is_small = group is not None and group.steps <= COARSE < level_count
    if not is_small and level_count <= MOST_STEPS + 1 and nonzeros >= max(SURE, REPEATED * level_count):
        return Grid("tensor", max(1, int(level_count)), is_even=False)
    return group


def _codebook_of_groups(samples: Samples, roundoff: float) -> Grid | None:
    ties, max_levels = (TIES, MOST_STEPS) if roundoff < 2.0**-20 else (TIES_OF_HALVES, LEVELS_OF_HALVES)
    for unit, lines in (*((f"group of {size}", samples.blocks[size]) for size in (64, 128, 32)), ("row", samples.rows)):
        full = lines.nonzeros >= 2 * LEAST
        middle = float(np.median(lines.levels[full])) if full.any() else math.inf
        if middle <= max_levels and float(np.median(lines.levels[full] / lines.nonzeros[full])) < ties:
            has_no_zeros = int(samples.all_rows.zeros[0]) == 0
            return Grid(unit, int(middle) - int(has_no_zeros), is_even=False)  # 0 is a value too
    return None


def has_excess_zeros(samples: Samples, found: Grid) -> bool:
    """Whether values on a grid hold more zeros than rounding leaves: of each second line, or more.

    Of values of one hump the zeros are hardly more than the next level, and those not much more than the one after it.
    Zeros that were set leave a gap below the next level, or outnumber it by far more than it outnumbers the third. Of a
    codebook, whose levels are no such steps, it cannot be asked.
    """
    by_columns = found.of.startswith("column") or found.of.endswith("outputs")
    lines = double(
        (samples.all_rows if found.of == "tensor" else samples.columns if by_columns else samples.rows).values
    )
    told = [_outnumber(line, found.steps) for line in lines if np.count_nonzero(line) >= LEAST]
    return bool(told) and sum(told) > len(told) / 2


def _outnumber(line: Float64[np.ndarray, " c"], count: int) -> bool:
    sizes, counts = np.unique(np.round(np.abs(line) / np.abs(line).max(), 6), return_counts=True)
    if sizes[0] > 0.0 or len(sizes) < 3 or count < FEWEST_STEPS:
        return False
    gap = sizes[1] / np.diff(sizes[1:]).min() if count <= COARSE else 0.0  # fine grids have empty levels anyhow
    first, second = counts[1] / 2.0, counts[2] / 2.0
    return bool(gap > GAP or counts[0] / first > EXCESS * max(1.0, first / second))
