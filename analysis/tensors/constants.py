"""Numbers that no training made: masks, triangles, waves and filter banks, told from a few of their values.

Buffers stand in a state dict like weights, under any name. Each test here asks for a structure that no trained or
randomly initialised matrix has; what fails it is a weight. Nothing here imports torch: the ingest child uses it too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]  # (rows, columns)

REASONS = {
    "mask": "a mask: zero and one other value, no weight",
    "triangle": "a triangular constant (a causal mask), no weight",
    "waves": "rows of sines and cosines (a position table or a Fourier basis), no weight",
    "filters": "a bank of band filters (as of a mel spectrogram), no weight",
}
SAMPLE = 64  # values by which nearly every weight is recognised as one
FEWEST = 16  # numbers of a tensor in which a structure means anything
ROWS, COLUMNS = 96, 256  # as many of a table are looked at
SHARE = 0.75  # of the places at which a table must obey the recurrence of a wave; a grid's rows break it at their ends
LARGEST = 1 << 24  # numbers of a mask or filter bank; a larger tensor is a weight
BITS = {"float64": 1e-9, "float32": 1e-4, "float16": 8e-3, "bfloat16": 6e-2}  # rounding of values up to 1, and sums


def kind_of(values: NDArray[Any], dtype: str, named: bool = False) -> str:
    """Which of REASONS the numbers of a tensor are; "" where they may be a weight.

    `values` may be a view that pages in what is looked at. `named` says that the name is known as a layer's: then only
    masks are looked for.
    """
    if values.ndim < 2 or values.size < FEWEST or values.size > LARGEST:
        return ""
    table = values.reshape(-1, _last(values.shape))
    if min(table.shape) < 2:
        return ""
    few = np.asarray(table[0, :SAMPLE]), np.asarray(table[-1, -SAMPLE:]), np.asarray(table[len(table) // 2, :SAMPLE])
    distinct = np.unique(np.concatenate([np.ravel(part) for part in few]))
    if len(distinct) <= 2 and (found := _flat(table, distinct)):
        return found
    if named or not np.all(np.isfinite(distinct)):
        return ""
    if np.abs(distinct).max() <= 1.0 + BITS[dtype] and _any_way(table, lambda part: _is_waves(part, BITS[dtype])):
        return "waves"
    return "filters" if distinct.min() >= 0 and 0 in distinct and _is_bank(_double(table)) else ""


def _last(shape: tuple[int, ...]) -> int:
    """The length of the last side that is more than 1."""
    return next((extent for extent in reversed(shape) if extent > 1), 1)


def _double(table: NDArray[Any]) -> Values:
    return np.asarray(table, dtype=np.float64)


def _flat(table: NDArray[Any], distinct: NDArray[Any]) -> str:
    """Whether all of a table is one constant and zero, in any places: a mask, and which kind."""
    low = np.asarray(table).ravel()
    values = distinct
    for start in range(0, low.size, 1 << 20):
        values = np.union1d(values, np.unique(low[start : start + (1 << 20)]))
        if len(values) > 2:
            return ""
    if len(values) != 2 or 0 not in values:
        return ""
    square = low.reshape(table.shape)
    if table.shape[0] == table.shape[1] and (_is_triangle(square) or _is_triangle(square.T)):
        return "triangle"
    return "mask"


def _is_triangle(square: NDArray[Any]) -> bool:
    low = np.tril(np.ones(square.shape, bool))
    return bool(len(np.unique(square[low])) == 1 and len(np.unique(square[~low])) == 1)


def _any_way(table: NDArray[Any], test: Callable[[Values], bool]) -> bool:
    """Whether the table's first rows, or its first columns turned round, pass the test."""
    return any(test(_double(part[:ROWS, :COLUMNS])) for part in (table, table.T))


def _is_waves(part: Values, rounding: float) -> bool:
    """Whether each column is a wave along the rows: x[p+1] + x[p-1] = 2 cos(w) x[p], with one w a column.

    It holds for sin(w p + φ) of every amplitude and phase, so for sinusoidal position tables, the caches of rotary
    ones, and windowed Fourier bases by frequency; and for no noise.
    """
    if part.shape[0] < 6 or part.shape[1] < 2 or not np.all(np.isfinite(part)):
        return False
    middle, around = part[1:-1], part[2:] + part[:-2]
    strong = np.abs(middle) > 0.05
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(strong, around / middle, np.nan)
    told = strong.sum(0) >= 3
    if told.sum() < max(2, part.shape[1] // 4):
        return False
    twice = np.nanmedian(ratios[:, told], axis=0)  # 2 cos(w)
    if np.abs(twice).max() > 2.0 + 4 * rounding / 0.05:
        return False
    fits = np.abs(around[:, told] - twice * middle[:, told]) <= 8 * rounding
    turns = np.ptp(part[:, told], axis=0) > 0.1
    return bool(fits.mean() >= SHARE and turns.any())


def _is_bank(table: Values) -> bool:
    """Whether its rows, or its columns, are narrow bumps that follow each other: band filters."""
    return any(_bumps(part) for part in (table, table.T))


def _bumps(part: Values) -> bool:
    rows = part[np.any(part != 0, axis=1)]
    if len(rows) < 4 or rows.min() < 0 or np.mean(rows != 0) > 0.4:
        return False
    starts = np.argmax(rows != 0, axis=1)
    ends = rows.shape[1] - np.argmax(rows[:, ::-1] != 0, axis=1)
    whole = np.count_nonzero(rows, axis=1) == ends - starts
    return bool(whole.mean() > 0.9 and np.all(np.diff(starts) >= 0) and np.all(np.diff(ends) >= 0))
