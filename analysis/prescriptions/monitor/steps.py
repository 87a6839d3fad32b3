"""A step ΔW between neighbouring checkpoints of one run: how large, along what, and how flat its spectrum is."""

import math
from dataclasses import dataclass

import numpy as np

from analysis.prescriptions.monitor.norms import norms_of
from analysis.runtime.shapes import Float64

Matrix = Float64[np.ndarray, "m n"]
Values = Float64[np.ndarray, " k"]

ROUNDING = 1e-12  # of the largest: what is below it is none of the step's directions
NEAR_MEDIAN = (0.5, 1.5)  # of the median: where singular values of an orthogonalised step lie


@dataclass(frozen=True, slots=True)
class Flatness:
    """How near to orthogonal a step is: all its singular values alike, as Muon makes them."""

    spread: float | None  # s_max/s_min of the normalised step, from 1; None where s_min is 0
    share: float  # of the singular values within 0.5 to 1.5 times the median, 0 to 1; 1 for Muon


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one matrix."""

    operator: float  # ‖ΔW‖, RMS→RMS
    ratio: float | None  # over that of W before the step; condition 2: both of order 1 over a run. None for W = 0
    stable_rank: float  # 1 to K: high for Muon, low for Adam
    cosine_weight: float | None  # with W before the step, -1 to 1; below 0 as weight decay makes it
    cosine_before: float | None  # with the step before this one; near 1: straight on, below 0: back
    flatness: Flatness | None  # None for a step of zero


def flatness_of(values: Values) -> Flatness | None:
    """Of the singular values of a step, descending; the scale of the step does not matter. None of zeros."""
    if not len(values) or values[0] <= 0.0:
        return None
    values = np.where(values > values[0] * ROUNDING, values, 0.0)
    middle = float(np.median(values))
    if middle == 0.0:
        return Flatness(None, 0.0)
    is_near = (values >= NEAR_MEDIAN[0] * middle) & (values <= NEAR_MEDIAN[1] * middle)
    smallest = float(values[-1])
    return Flatness(float(values[0]) / smallest if smallest > 0.0 else None, float(is_near.mean()))


def measure_step(before: Matrix, after: Matrix, earlier: Matrix | None = None) -> Step:
    """The step from one checkpoint to the next; `earlier` is the weight one checkpoint before."""
    change = after - before
    values = np.linalg.svd(change, compute_uv=False)
    norms = norms_of(values, *change.shape)
    size = float(np.linalg.norm(before, 2)) * math.sqrt(before.shape[1] / before.shape[0])
    return Step(
        norms.operator,
        norms.operator / size if size > 0.0 else None,
        norms.stable_rank,
        cosine(change, before),
        None if earlier is None else cosine(change, before - earlier),
        flatness_of(values),
    )


def cosine(one: Matrix, other: Matrix) -> float | None:
    """⟨A, B⟩/(‖A‖ ‖B‖), -1 to 1; None where one of them is zero."""
    norms = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return max(-1.0, min(1.0, float(np.vdot(one, other)) / norms)) if norms > 0.0 else None
