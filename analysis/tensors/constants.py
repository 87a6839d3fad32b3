"""Numbers that no training made: masks, triangles, waves and filter banks, told from a few of their values.

Buffers stand in a state dict like weights, under any name. Each test here asks for a structure that no trained or
randomly initialised matrix has; what fails it is a weight. Nothing here imports torch: the ingest child uses it too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOATS = ("float64", "float32", "float16", "bfloat16")  # the types of weights
Values = NDArray[np.float64]  # (rows, columns)

REASONS = {
    "mask": "a mask: zero and one other value, no weight",
    "identity": "a multiple of the identity, no weight",
    "triangle": "a triangular constant (a causal mask), no weight",
    "waves": "rows of sines and cosines (a position table or a Fourier basis), no weight",
    "filters": "a bank of band filters (as of a mel spectrogram), no weight",
}
SAMPLE = 64  # values by which nearly every weight is recognised as one
FEWEST = 16  # numbers of a tensor in which a structure means anything
ROWS, COLUMNS = 96, 256  # as many of a table are looked at
FIRST_ROWS, FIRST_COLUMNS = 24, 16  # as many of it are looked at first
SHARE = 0.75  # of the places at which a table must obey the recurrence of a wave; a grid's rows break it at their ends
MASK_WORDS = 3  # zero with and without its sign, and one other value
PIECE = 1 << 20  # numbers that are looked at together
LARGEST = 1 << 24  # numbers of a mask or filter bank; a larger tensor is a weight
BITS = {
    "float64": 1e-5,
    "float32": 1e-5,
    "float16": 1e-3,
    "bfloat16": 4e-3,
}  # rounding of a value, relative; tables are computed in float32 or better
LOW = 1e-3  # heights below which a column of a Fourier basis is the edge of its window
TURNING, FAST = 1.9, 0.04  # 2 cos(w) of a fast wave, and the share of such columns: 13 % where w falls from 1 to 1e-4


Decode = Callable[[NDArray[Any]], Values]


def constant_kind(words: NDArray[Any], dtype: str, decode: Decode, layer: bool = False) -> str:
    """Which of REASONS the numbers of a tensor are; "" where they may be a weight.

    `words` are its elements as stored, or a view that pages in what is looked at, and `decode` turns some of them into
    numbers. `layer` says that the name is known as a layer's: then only masks are looked for.
    """
    if words.ndim < 2 or not FEWEST <= words.size <= LARGEST:
        return ""
    table = words.reshape(-1, next(extent for extent in reversed(words.shape) if extent > 1))
    if min(table.shape) < 2:
        return ""
    rows = (table[0, :SAMPLE], table[len(table) // 2, -SAMPLE:], table[-1, :SAMPLE])
    sample = np.unique(np.concatenate(rows))
    if len(sample) <= MASK_WORDS and (kind := _mask(table, sample, decode)):
        return kind
    values = decode(sample)
    if layer or not np.all(np.isfinite(values)):
        return ""
    if values.min() >= 0 and 0 in values and _is_bank(decode(table)):
        return "filters"
    waves = np.abs(values).max() <= 1.0 + 4 * BITS[dtype] and any(
        _may_be_waves(decode(part[:FIRST_ROWS, :: -(-part.shape[1] // FIRST_COLUMNS)]), BITS[dtype])
        and _is_waves(decode(part[:ROWS, :COLUMNS]), BITS[dtype])
        for part in (table, table.T)
    )
    return "waves" if waves else ""


def _mask(table: NDArray[Any], sample: NDArray[Any], decode: Decode) -> str:
    """Which kind of mask a table is: zero and one other value, as far as it goes; "" for anything else."""
    values, flat = sample, table.reshape(-1)
    for start in range(0, flat.size, PIECE):
        values = np.union1d(values, np.unique(flat[start : start + PIECE]))
        if len(values) > MASK_WORDS:
            return ""
    numbers = np.unique(decode(values))
    if len(numbers) != 2 or 0 not in numbers:
        return ""
    if _is_identity(decode(table)):
        return "identity"
    square = table.shape[0] == table.shape[1]
    return "triangle" if square and (_is_triangle(table) or _is_triangle(table.T)) else "mask"


def _is_identity(table: Values) -> bool:
    """Whether a table of two values, one of them zero, has the other on its diagonal and nowhere else."""
    filled = table != 0
    return bool(filled.sum() == min(table.shape) and np.diagonal(filled).all())


def _is_triangle(square: NDArray[Any]) -> bool:
    low = np.tril(np.ones(square.shape, bool))
    return bool(len(np.unique(square[low])) == 1 and len(np.unique(square[~low])) == 1)


def _may_be_waves(part: Values, rounding: float) -> bool:
    """Whether a few columns may be waves: nearly no weight's are, and this costs a tenth of `_is_waves`.

    Where the recurrence holds at a row and at the next, x[p+1] + x[p-1] is the same multiple of x[p] at both.
    """
    if part.shape[0] < 6:
        return False
    middle, around = part[1:-1], part[2:] + part[:-2]
    difference = np.abs(around[:-1] * middle[1:] - around[1:] * middle[:-1])
    is_same = difference <= 32.0 * rounding * np.abs(part).max(axis=0) ** 2
    return bool(np.count_nonzero(is_same) >= 0.4 * is_same.size)


def _is_waves(part: Values, rounding: float) -> bool:
    """Whether each column is a wave along the rows: x[p+1] + x[p-1] = 2 cos(w) x[p], with one w a column.

    It holds for sin(w p + φ) of every amplitude and phase, so for sinusoidal position tables, the caches of rotary
    ones, and windowed Fourier bases by frequency; and for no noise. It nearly holds with w = 0 for whatever changes
    little from row to row, as learned positions do: so some columns must turn fast, and those must obey it.
    """
    if part.shape[0] < 6 or not np.all(np.isfinite(part)):
        return False
    height = np.abs(part).max(axis=0)
    middle, around = part[1:-1], part[2:] + part[:-2]
    strong = np.abs(middle) > 0.1 * height
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(strong, around / middle, np.nan)
    mask = (height > LOW) & (strong.sum(axis=0) >= 3)
    if not mask.any():
        return False
    double_cos = np.nanmedian(ratios[:, mask], axis=0)  # 2 cos(w)
    fits = np.abs(around[:, mask] - double_cos * middle[:, mask]) <= 8.0 * rounding * height[mask]
    valid = (middle != 0.0)[:, mask] | (part[2:] != 0.0)[:, mask] | (part[:-2] != 0.0)[:, mask]  # zeros fit any wave
    fast = np.abs(double_cos) < TURNING
    enough = fast.sum() >= max(2, FAST * part.shape[1])
    return bool(enough and fits[valid].mean() >= SHARE and fits[:, fast][valid[:, fast]].mean() >= SHARE)


def _is_bank(table: Values) -> bool:
    """Whether its rows, or its columns, are narrow bumps that follow each other: band filters."""
    return any(_bumps(part) for part in (table, table.T))


def _bumps(part: Values) -> bool:
    rows = part[np.any(part != 0, axis=1)]
    if len(rows) < 4 or rows.min() < 0 or np.mean(rows != 0) > 0.4:
        return False
    starts = np.argmax(rows != 0, axis=1)
    ends = rows.shape[1] - np.argmax(rows[:, ::-1] != 0, axis=1)
    is_whole = np.count_nonzero(rows, axis=1) == ends - starts
    return bool(is_whole.mean() > 0.9 and np.all(np.diff(starts) >= 0) and np.all(np.diff(ends) >= 0))
