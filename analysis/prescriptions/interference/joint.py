"""Several updates of one matrix in common coordinates, and how their singular directions meet.

Updates that are products, as adapters give them, are brought into the coordinates of all their factors together: there
each is a small matrix, and every number of this module is the same as on the m × n matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.linalg.spectrum import EPS
from analysis.runtime.shapes import Float64

Matrix = Float64[np.ndarray, "m n"]
Values = Float64[np.ndarray, " _"]

SAR_SHARE = 0.95  # of ‖ΣΔ‖ that its leading directions hold (arXiv 2502.04959, eq. 5)


@dataclass(frozen=True, slots=True)
class Directions:
    """One update by its singular triplets, without those that are rounding: left · diag(values) · rightᵀ."""

    left: Float64[np.ndarray, "m r"]
    values: Float64[np.ndarray, " r"]
    right: Float64[np.ndarray, "n r"]


def compress(
    lefts: Sequence[Float64[np.ndarray, "m _"]], rights: Sequence[Float64[np.ndarray, "_ n"]]
) -> list[Float64[np.ndarray, "p q"]]:
    """The products left_t · right_t, each in the joint coordinates of all lefts and of all rights.

    Their sides are at most Σ r. Inner products, singular values and angles between them are those of the products.
    """
    outputs = np.linalg.qr(np.concatenate(lefts, axis=1))[0]
    inputs = np.linalg.qr(np.concatenate(rights).T)[0]
    return [(outputs.T @ left) @ (right @ inputs) for left, right in zip(lefts, rights, strict=True)]


def directions(update: Matrix) -> Directions:
    """The singular triplets above rounding, σ₁ max(m, n) ε; none of a zero matrix."""
    left, values, right = np.linalg.svd(update, full_matrices=False)
    count = int((values > values[0] * max(update.shape) * EPS).sum()) if len(values) and values[0] > 0.0 else 0
    return Directions(left[:, :count], values[:count], right[:count].T)


@dataclass(frozen=True, slots=True)
class Singular:
    """Singular task interference (Gargiulo et al., TSV, arXiv 2412.00081, section 3)."""

    interference: float  # ‖(UᵀU - I) Σ (VᵀV - I)‖₁, the sum of absolute entries: 0 for orthogonal updates
    total: float  # Σ of all singular values

    @property
    def share(self) -> float | None:
        """`interference` over Σs, which layers can be compared by: (T - 1)² for T equal updates. None of zeros."""
        return self.interference / self.total if self.total > 0.0 else None


def singular_interference(updates: Sequence[Directions], rank: int | None = None) -> Singular:
    """Of T updates, of which the leading `rank` directions count (None: all that are no rounding)."""
    left = np.concatenate([update.left[:, :rank] for update in updates], axis=1)
    right = np.concatenate([update.right[:, :rank] for update in updates], axis=1)
    values = np.concatenate([update.values[:rank] for update in updates])
    product = ((left.T @ left - np.eye(len(values))) * values) @ (right.T @ right - np.eye(len(values)))
    return Singular(float(np.abs(product).sum()), float(values.sum()))


def leading_count(values: Values, share: float = SAR_SHARE) -> int:
    """The least k with √(Σ_{i≤k} s² / Σ s²) ≥ share, of descending singular values; 0 for zeros."""
    squares = np.cumsum(np.square(values))
    if not len(squares) or squares[-1] == 0.0:
        return 0
    return min(len(values), int(np.searchsorted(squares, share**2 * squares[-1] * (1.0 - 1e-15))) + 1)


def alignment_ratios(updates: Sequence[Matrix], merged: Directions, rank: int) -> list[float | None]:
    """SAR_t = ‖U_k U_kᵀ Δ_t‖ / ‖Δ_t‖ in the leading left directions of a merged matrix (arXiv 2502.04959, eq. 6).

    0 to 1; 1: the merge keeps every output direction that the update writes to. None of an update of zero.
    """
    basis = merged.left[:, :rank]
    norms = [(np.linalg.norm(basis.T @ update), np.linalg.norm(update)) for update in updates]
    return [min(1.0, float(part / total)) if total > 0.0 else None for part, total in norms]


def over_accumulation(updates: Sequence[Directions], merged: Directions, count: int = 1) -> list[float]:
    """s_i(ΣΔ) / max_t s_i(Δ_t) for the leading `count` directions of the sum (SVC, arXiv 2602.05536).

    Above 1: shared directions add up in the sum, at most T; 1 for orthogonal updates of equal strength.
    """
    ratios = []
    for index in range(min(count, len(merged.values))):
        strongest = max((float(update.values[index]) for update in updates if index < len(update.values)), default=0.0)
        if strongest > 0.0:
            ratios.append(float(merged.values[index]) / strongest)
    return ratios


def joint_energy(updates: Sequence[Matrix]) -> Float64[np.ndarray, " k"]:
    """Σ_{i≤r} of the squared singular values of [Δ₁ … Δ_T] over their sum, for r = 1 … K: ascending to 1.

    Fast growth: all updates write to the same few outputs. Empty for zeros.
    """
    squares = np.square(np.linalg.svd(np.concatenate(updates, axis=1), compute_uv=False))
    total = squares.sum()
    return np.cumsum(squares) / total if total > 0.0 else squares[:0]
