"""Whether the values of a weight lie on a grid, as quantising leaves them: of the tensor, of each row, of a group.

Values on an even grid differ by whole numbers of steps, so that for the right number of steps q between the least and
the largest of them, all (w - min) q / (max - min) are whole. Codebooks that are not even (NF4, floats of eight or four
bits) show by how few different values there are.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

GROUPS = (128, 64, 32)  # inputs that share a scale in the usual formats
MOST_STEPS = 255  # eight bits
SEEN_LINES, SEEN = 32, 4096  # lines that are looked at, and entries of each
LEAST = 16  # values below which a grid proves nothing
SHARE = 0.9  # of the lines that must lie on a grid
TIES_OF_HALVES, LEVELS_OF_HALVES = 0.25, 16  # halves repeat by themselves: 64 of a normal law hold 50 different ones
FEWEST_STEPS, COARSE = 10, 15  # of a grid whose zeros can be judged; of 4 bits
GAP, EXCESS = 1.9, 4.0  # steps from 0 to the next level, and how far zeros outnumber it: from there on they were set
TIES = 0.5  # share of different values among those that are not 0, below which they repeat; noise has nearly 1


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the values lie: `of` "tensor", "row", "column" or "group of 64", and the steps of the finest such grid."""

    of: str
    steps: int

    @property
    def bits(self) -> int:
        return max(1, math.ceil(math.log2(self.steps + 1)))


def sample(matrix: Float[Tensor, "m n"]) -> Float64[np.ndarray, "r c"]:
    """Some rows, evenly spread, and the first entries of each."""
    block = matrix[:: max(1, len(matrix) // SEEN_LINES)][:SEEN_LINES, :SEEN]
    values: Float64[np.ndarray, "r c"] = block.double().cpu().numpy()
    return values


def levels(lines: Float64[np.ndarray, "r c"]) -> Float64[np.ndarray, " r"]:
    """How many different values that are not 0 each line holds."""
    sorted_lines = np.sort(lines, axis=1)
    fresh = np.diff(sorted_lines, axis=1, prepend=np.nan) != 0.0
    counts: Float64[np.ndarray, " r"] = (fresh & (sorted_lines != 0.0)).sum(axis=1).astype(float)
    return counts


def cut_groups(lines: Float64[np.ndarray, "r c"], size: int) -> Float64[np.ndarray, "g size"]:
    """The lines cut into groups; none where they are shorter."""
    end = lines.shape[1] // size * size
    return lines[:, :end].reshape(-1, size)


def blocks(matrix: Float[Tensor, "m n"], size: int) -> Float64[np.ndarray, "g size"]:
    """Some blocks of so many neighbours in the order in which the values are stored, past the ends of rows."""
    flat = matrix.flatten()
    groups = flat[: len(flat) // size * size].reshape(-1, size)
    subset = groups[:: max(1, len(groups) * size // (SEEN_LINES * SEEN))]
    values: Float64[np.ndarray, "g size"] = subset.double().cpu().numpy()
    return values


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
    vary = [line for line in lines if np.count_nonzero(line) >= LEAST and line.min() < line.max()]
    step_counts = [steps(line, roundoff) for line in vary]
    counts = [count for count in step_counts if count is not None]
    return max(counts) if vary and len(counts) >= SHARE * len(vary) else None


def grid(matrix: Float[Tensor, "m n"], roundoff: float) -> Grid | None:
    """The widest even grid on which the values lie; else the codebook that they come from; None where neither.

    Of values in the order in which they are stored, since quantisers group neighbours.
    """
    rows, columns = sample(matrix), sample(matrix.T)
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


def _codebook(matrix: Float[Tensor, "m n"], rows: Float64[np.ndarray, "r c"], roundoff: float) -> Grid | None:
    """Few different values that lie on no even grid, or on one that rounding to halves has blurred."""
    nonzeros = np.count_nonzero(rows)
    level_count = float(levels(rows.reshape(1, -1))[0])
    if nonzeros >= 4096 and level_count <= MOST_STEPS + 1:
        return Grid("tensor", max(1, int(level_count)))
    ties, max_levels = (TIES, MOST_STEPS) if roundoff < 2.0**-20 else (TIES_OF_HALVES, LEVELS_OF_HALVES)
    for unit, lines in (*((f"group of {size}", blocks(matrix, size)) for size in (64, 128, 32)), ("row", rows)):
        counts = np.count_nonzero(lines, axis=1) if lines.size else np.zeros(0)
        full = counts >= 2 * LEAST
        middle = float(np.median(levels(lines[full]))) if full.any() else math.inf
        if middle <= max_levels and float(np.median(levels(lines[full]) / counts[full])) < ties:
            return Grid(unit, int(middle) - int(nonzeros == rows.size))  # 0 is a value too
    return None


def has_excess_zeros(matrix: Float[Tensor, "m n"], found: Grid) -> bool:
    """Whether values on a grid hold more zeros than rounding leaves: of each second line, or more.

    Of values of one hump the zeros are hardly more than the next level, and those not much more than the one after it.
    Zeros that were set leave a gap below the next level, or outnumber it by far more than it outnumbers the third.
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


def stored_type(slices: Float[Tensor, "s m n"]) -> str:
    """The narrowest type that holds every value: "bfloat16", "float16", or that of the file."""
    own = str(slices.dtype).removeprefix("torch.")
    if slices.dtype not in (torch.float32, torch.float64):
        return own
    candidates = {torch.float32, torch.bfloat16, torch.float16} if slices.dtype == torch.float64 else {
        torch.bfloat16, torch.float16,
    }  # fmt: skip
    for block in torch.split(slices.flatten(0, 1), max(1, (1 << 20) // slices.shape[2])):
        candidates = {kind for kind in candidates if torch.equal(block.to(kind).to(block.dtype), block)}
        if not candidates:
            return own
    narrowest = min(candidates, key=lambda kind: (kind.itemsize, kind != torch.bfloat16))
    return str(narrowest).removeprefix("torch.")


ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-9}
