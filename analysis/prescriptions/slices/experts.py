"""How alike the experts of one layer are, by their weights, as they lie and up to the order of their hidden units.

Weight similarity is a proxy: Sub-MoE (arXiv 2506.23266) groups experts by their outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.runtime.shapes import Float64

Matrix = Float64[np.ndarray, "_ _"]

MOST_UNITS = 4096  # hidden units above which no order is searched: the search takes their cube


@dataclass(frozen=True, slots=True)
class Likeness:
    """The experts of one layer."""

    raw: Float64[np.ndarray, "e e"]  # cosines of the flattened weights, -1 to 1
    centred: Float64[np.ndarray, "e e"]  # the same minus the mean expert; -1/(E-1) by chance
    permuted: Float64[np.ndarray, "e e"] | None  # best over orders of the hidden units; None where not searched


def expert_likeness(experts: Sequence[Matrix], search: bool = True) -> Likeness:
    """Of experts as (hidden units, numbers of a unit): rows of gate, up and downᵀ side by side."""
    flat = np.stack([expert.ravel() for expert in experts])
    best_cosines = None
    if search and len(experts[0]) <= MOST_UNITS:
        best_cosines = np.eye(len(experts))
        for i in range(len(experts)):
            for j in range(i + 1, len(experts)):
                best_cosines[i, j] = best_cosines[j, i] = best_cosine(experts[i], experts[j])
    return Likeness(cosines(flat), cosines(flat - flat.mean(axis=0)), best_cosines)


def cosines(rows: Matrix) -> Float64[np.ndarray, "e e"]:
    """Of each two rows; 0 where one of them is zero."""
    norms = np.linalg.norm(rows, axis=1)
    unit = rows / np.where(norms > 0.0, norms, 1.0)[:, None]
    values: Float64[np.ndarray, "e e"] = np.clip(unit @ unit.T, -1.0, 1.0)
    return values


def best_cosine(one: Matrix, other: Matrix) -> float:
    """The cosine of two experts with the units of the second in the order that matches best (Hungarian method).

    1 for an expert and its copy with permuted hidden units, which are the same function.
    """
    from scipy.optimize import linear_sum_assignment  # takes longer to import than it is used for, but for experts

    products = one @ other.T
    rows, columns = linear_sum_assignment(-products)
    norms = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return min(1.0, float(products[rows, columns].sum()) / norms) if norms > 0.0 else 0.0


def subspace_overlap(experts: Sequence[Matrix], rank: int) -> tuple[float, float]:
    """The mean overlap ‖U_iᵀU_j‖²/k of the leading left vectors of each two, and its chance level k/m.

    `experts` are (outputs m, inputs). 1: all write to the same directions.
    """
    k = min(rank, *experts[0].shape)
    bases = [np.linalg.svd(expert, full_matrices=False)[0][:, :k] for expert in experts]
    pairs = [
        float(np.square(bases[i].T @ bases[j]).sum()) / k for i in range(len(bases)) for j in range(i + 1, len(bases))
    ]
    return float(np.mean(pairs)), k / len(experts[0])
