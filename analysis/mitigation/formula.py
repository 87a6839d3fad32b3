"""Intruders scaled by λ, and the update brought back to a low rank: the mathematics alone.

W' = W + (λ - 1) Σ uᵢ σᵢ vᵢᵀ over the intruders of the tuned W (Shuttleworth et al., arXiv:2410.21228v3, section 5, and
PEFT's `reduce_intruder_dimension`). As uᵢᵀ W = σᵢ vᵢᵀ, only the left vectors are needed. m outputs, n inputs, i
intruders.
"""

from dataclasses import dataclass

from analysis.linalg.triplets import product_triplets
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64
from analysis.weight import Factors


def change(tuned: Float[Tensor, "m n"], left: Float64[Tensor, "m i"], factor: float) -> Factors:
    """(λ - 1) Σ uᵢ σᵢ vᵢᵀ as a product of rank i. `left`: the intruders' left singular vectors as columns.

    λ = 1 gives zero, λ = 0 what takes the intruders away.
    """
    return Factors((factor - 1.0) * left, left.mT @ tuned.double())


def total(*updates: Factors) -> Factors:
    """The sum of updates of one matrix, still a product: [L₁ L₂] · [R₁; R₂], of rank r₁ + r₂ at most."""
    left = torch.cat([update.left.double() for update in updates], dim=1)
    return Factors(left, torch.cat([update.right.double() for update in updates]))


@dataclass(frozen=True)
class Truncated:
    """An update of rank r: left · right. `energy`: Σσ² of all of it; `kept`: what is left of that in `factors`."""

    factors: Factors
    energy: float
    kept: float

    @property
    def lost(self) -> float:
        """0 to 1: the share of the squared update that is dropped, 1 - Σ_{i≤r} σᵢ² / Σ σᵢ² by the truncation alone."""
        return energy_lost(self.kept, self.energy)


def distance(update: Factors, other: Factors) -> float:
    """‖L₁ R₁ − L₂ R₂‖²_F from the factors alone, in float64."""
    gap = total(update, Factors(-other.left, other.right))
    return max(0.0, float(((gap.left.mT @ gap.left) * (gap.right @ gap.right.mT)).sum()))


def energy_lost(kept: float, energy: float) -> float:
    """The share of the energy that is not kept; 0 where there is none."""
    return max(0.0, (energy - kept) / energy) if energy > 0.0 else 0.0


def truncate(update: Factors, rank: int) -> Truncated:
    """The nearest update of this rank (Eckart and Young), σ shared equally: left = U √Σ, right = √Σ Vᵀ.

    It costs a decomposition of (r + i) × (r + i) and never forms the matrix. Where the matrix itself has fewer
    directions than `rank`, the others are zero.
    """
    triplets = product_triplets(update.left, update.right)
    roots = triplets.values[:rank].sqrt()
    missing = rank - len(roots)
    left = torch.nn.functional.pad(triplets.left[:, :rank] * roots, (0, missing))
    right = torch.nn.functional.pad((triplets.right[:, :rank] * roots).mT, (0, 0, 0, missing))
    squares = triplets.values.square()
    return Truncated(Factors(left, right), float(squares.sum()), float(squares[:rank].sum()))
