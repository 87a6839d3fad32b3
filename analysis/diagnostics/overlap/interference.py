"""How much two updates of one base stand in each other's way.

OPCM (Tang et al., arXiv 2501.09522, section 4) merges one update after another and projects out of each what meets the
directions of those before it; Robust Weight Signatures take out of one update what lies along another.
"""

import math
from dataclasses import dataclass

from analysis.diagnostics.update.directions import project_matrix
from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import Triplets
from analysis.runtime.pytorch import torch


@dataclass(frozen=True, slots=True)
class Interference:
    """A second update seen from a first; shares of the second's ‖ΔW‖², each 0 to 1."""

    block: float  # from the first's leading inputs to its leading outputs
    diagonal: float  # along the first's own directions, each with its like
    removed: float  # what OPCM takes away: the block, and the diagonal beyond it
    cosine: float  # ⟨ΔW₁, ΔW₂⟩ / (‖ΔW₁‖ ‖ΔW₂‖), -1 to 1

    @property
    def signature(self) -> float:
        """‖ΔW₂ - its part along ΔW₁‖ / ‖ΔW₂‖, 0 to 1: the size of the second's robust weight signature."""
        return math.sqrt(max(0.0, (1.0 - self.cosine) * (1.0 + self.cosine)))


def interference(first: Triplets, second: Triplets, share: float) -> Interference | None:
    """Z = Uᵀ ΔW₂ V in the directions of the first, the leading ones of which hold `share` of Σσ.


    OPCM completes U and V to bases of the whole space by arbitrary vectors; here the first update's own r directions
    are all that counts, so that the answer is one. None where one of the two updates is zero.
    """
    r = extent(first)
    total = float(second.values.square().sum())
    if not r or total == 0.0:
        return None
    core = project_matrix(second, first.left[:, :r], first.right[:, :r])  # (r, r)
    k = leading(first, share)
    block = float(core[:k, :k].square().sum()) / total
    diagonal = core.diagonal()
    rest_share = float(diagonal[k:].square().sum()) / total
    norms = math.sqrt(total) * float(torch.linalg.vector_norm(first.values[:r]))
    cosine = float(first.values[:r] @ diagonal) / norms
    full_share = float(diagonal.square().sum()) / total
    return Interference(
        min(1.0, block), min(1.0, full_share), min(1.0, block + rest_share), max(-1.0, min(1.0, cosine))
    )


def leading(update: Triplets, share: float) -> int:
    """The first index at which the sum of the singular values passes `share` of the whole, OPCM's k; 0 for none."""
    sums = update.values.cumsum(0)
    is_past = sums > share * sums[-1]
    return int(is_past.int().argmax()) if bool(is_past.any()) else 0
