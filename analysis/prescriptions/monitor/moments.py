"""What the moments of an optimizer say of each matrix: how many directions its momentum and its update have.

That gradients have a low rank is what GaLore rests on (arXiv 2403.03507). Moments are no weights: nothing here says
whether a layer is well trained.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.formats.pytorch.optimizer import OptimizerState
from analysis.linalg.spectrum import EPS
from analysis.prescriptions.ranks.energy import energy_rank
from analysis.runtime.shapes import Float64
from analysis.statistics.power_law import hill

MOMENTUM = ("exp_avg", "momentum_buffer")
TINY = 1e-8  # Adam's ε


@dataclass(frozen=True, slots=True)
class Moment:
    """One matrix that an optimizer keeps or makes."""

    parameter: str  # the checkpoint's name, or "parameter 35"
    what: str  # "exp_avg", "momentum_buffer", or "update" for exp_avg/√exp_avg_sq
    metrics: Mapping[str, float]


def read_moments(state: OptimizerState, names: Mapping[int, str]) -> Iterator[Moment]:
    """Momentum and, of Adam, the update of every matrix, in the order of the parameters. exp_avg_sq alone is no map."""
    for number in state.order:
        shape = state.shape(number)
        if shape is None or len(shape) != 2 or min(shape) < 2:
            continue
        name = names.get(number, f"parameter {number}")
        matrices = {what: _read(state, number, what) for what in state.moments[number] if what != "exp_avg_sq"}
        for what, matrix in matrices.items():
            yield Moment(name, what, measure_moment(matrix))
        if "exp_avg" in matrices and "exp_avg_sq" in state.moments[number]:
            square = np.maximum(_read(state, number, "exp_avg_sq"), 0.0)
            yield Moment(name, "update", measure_moment(matrices["exp_avg"] / (np.sqrt(square) + TINY)))


def _read(state: OptimizerState, number: int, what: str) -> Float64[np.ndarray, "m n"]:
    values: Float64[np.ndarray, "m n"] = state.read(number, what).double().numpy()
    return values


def measure_moment(matrix: Float64[np.ndarray, "m n"]) -> dict[str, float]:
    """Norm, stable rank, energy rank at 90 %, its share of K, Hill's exponent; fewer of zeros, none of NaN."""
    if not np.isfinite(matrix).all():
        return {}
    values = np.linalg.svd(matrix, compute_uv=False)
    if values[0] == 0.0:
        return {"norm": 0.0}
    rank = energy_rank(values, 0.9)
    numbers = {
        "norm": float(np.linalg.norm(values)),
        "stable_rank": float(np.sum(values**2) / values[0] ** 2),
        "energy_rank": float(rank),
        "energy_rank_share": rank / len(values),
    }
    large_values = values[values > values[0] * max(matrix.shape) * EPS]
    alpha = hill(large_values[::-1] ** 2) if len(large_values) >= 8 else None
    return numbers if alpha is None else {**numbers, "alpha_hill_median": alpha}
