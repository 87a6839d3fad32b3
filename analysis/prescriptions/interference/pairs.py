"""Updates of one matrix compared pair by pair: angles, sizes and signs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.runtime.shapes import Float, Float64

Matrix = Float64[np.ndarray, "m n"]

KEPT = 0.2  # share of the entries of an update that TIES keeps, the largest by size (arXiv 2306.01708, section 4)


def cosines(updates: Sequence[Matrix]) -> Float64[np.ndarray, "t t"]:
    """⟨Δ_i, Δ_j⟩ / (‖Δ_i‖ ‖Δ_j‖), -1 to 1; NaN where one of the two is zero. Chance: ± 1/√(mn)."""
    flat = np.stack([update.ravel() for update in updates])
    norms = np.linalg.norm(flat, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        values: Float64[np.ndarray, "t t"] = np.clip(flat @ flat.T / np.outer(norms, norms), -1.0, 1.0)
    return values


def norm_ratio(norms: Sequence[float]) -> float | None:
    """The largest norm over the least, max ‖Δ‖ / min ‖Δ‖.

    From 1; high: the largest update drowns the others in a plain sum. None where one is zero.
    """
    return max(norms) / min(norms) if min(norms) > 0.0 else None


@dataclass(frozen=True, slots=True)
class Signs:
    """Where the largest entries of several updates disagree in sign."""

    conflicting: float | None  # of the entries that two or more updates keep: share with both signs; None of none
    pairs: Float64[np.ndarray, "t t"]  # of the entries that both keep: share of opposite sign; NaN where there is none


def sign_conflicts(updates: Sequence[Float[np.ndarray, "b n"]], kept: float = KEPT) -> Signs:
    """Of the `kept` share of each update's entries that are the largest by size, as TIES trims them.

    0: all pull the same way; 0.5: signs by chance; 1: each entry that both keep is pulled both ways.
    """
    signs = np.stack([_trim(np.ravel(update), kept) for update in updates])  # (t, entries): -1, 0, 1
    single = signs.astype(np.float32)
    agree, overlap = single @ single.T, np.abs(single) @ np.abs(single).T
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = np.where(overlap > 0.0, (overlap - agree) / (2.0 * overlap), np.nan).astype(float)
    is_shared = np.count_nonzero(signs, axis=0) > 1
    count = int(is_shared.sum())
    is_mixed = (signs[:, is_shared].max(axis=0, initial=0) > 0) & (signs[:, is_shared].min(axis=0, initial=0) < 0)
    return Signs(float(is_mixed.sum() / count) if count else None, pairs)


def _trim(entries: Float[np.ndarray, " p"], kept: float) -> "np.ndarray[tuple[int], np.dtype[np.int8]]":
    """The signs of the largest entries, 0 for the others and for zeros."""
    count = max(1, math.ceil(kept * len(entries) - 1e-9))
    sizes = np.abs(entries)
    threshold = np.partition(sizes, len(sizes) - count)[len(sizes) - count]
    return np.where((sizes >= threshold) & (sizes > 0.0), np.sign(entries), 0.0).astype(np.int8)
