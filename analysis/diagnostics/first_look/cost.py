"""How long an analysis will take on this machine, before it begins: of the whole weights, and of a first look.

Work is counted in multiply-adds and in passes over the entries, and brought to seconds by rates that were measured
(docs/first-look.md), scaled by what this machine needs for one product of matrices now.
"""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.diagnostics.first_look.diagnostic import WHOLE
from analysis.tensors.matrices import matrices
from analysis.weight import TensorInfo, WeightInfo

SIDE = 768  # of the product that is timed
REFERENCE = 0.0155  # seconds that it took on one thread of the machine on which the rates were measured
EXACT = 4.0e10  # multiply-adds a second of the default diagnostics, on one thread there
PASSES = 2.2e7  # entries a second of a first look, all its passes together
EACH = 0.01  # seconds of a weight beside these


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds of each."""

    exact: float
    first_look: float


def predict(tensors: Sequence[TensorInfo], slowness: float | None = None, cores: int | None = None) -> Prediction:
    """Of all that is to be measured. `slowness` against the reference is measured where it is not given."""
    planned = [weight for info in tensors if info.skip is None for weight in matrices(info)]
    factor = (measure_slowness() if slowness is None else slowness) / (cores or usable_cores())
    exact = math.fsum(EACH + weight.cost / EXACT for weight in planned)
    first = math.fsum(_first_look(weight) for weight in planned)
    return Prediction(exact * factor, first * factor)


def _first_look(weight: WeightInfo) -> float:
    """Small weights are decomposed whole."""
    if weight.slices > 1 or min(weight.rows, weight.columns) < WHOLE:
        return EACH + weight.cost / EXACT
    return EACH + weight.rows * weight.columns / PASSES


def measure_slowness() -> float:
    """How many times as long as on the reference a product takes here; the best of three."""
    matrix = np.random.default_rng(0).standard_normal((SIDE, SIDE))
    times = []
    for _ in range(3):
        began = time.thread_time()
        matrix @ matrix
        times.append(time.thread_time() - began)
    return max(0.05, min(times) / REFERENCE)


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
