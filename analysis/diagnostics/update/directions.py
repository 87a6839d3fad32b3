"""An update beside the matrix it changes: which of the base's directions it uses, and what it amplifies.

An update ΔW and a base W₀ are known by their singular triplets; what is asked of an update of rank r costs no more than
r of its directions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from analysis.linalg.kernels import suit_threads
from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import Triplets
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64
from analysis.weight import Weight


@contextmanager
def calm(weight: Weight) -> Iterator[None]:
    """Within it a small weight has one thread: its products wait for a second one longer than that one helps."""
    with suit_threads(min(weight.matrix.shape)):
        yield


@dataclass(frozen=True, slots=True)
class Inside:
    """The shares of ‖ΔW‖² inside the base's k leading directions, each 0 to 1."""

    left: float  # ‖Uₖᵀ ΔW‖² / ‖ΔW‖²: among the outputs; a random update has k / m
    right: float  # ‖ΔW Vₖ‖² / ‖ΔW‖²: among the inputs; a random update has k / n
    both: float  # ‖Uₖᵀ ΔW Vₖ‖² / ‖ΔW‖²: from those inputs to those outputs; a random update has k² / (mn)
    chance: float  # the mean of k / m and k / n


def measure_inside(base: Weight, tuned: Weight, first: Triplets) -> Inside | None:
    """How much of an update the base's leading directions hold; None where either of the two is zero.

    By products with ΔW, or with its factors: none of its own directions is needed.
    """
    k = len(first.values)
    norm = float(tuned.update_axes.values.square().sum())
    if not k or norm == 0.0:
        return None
    if tuned.factors is not None:
        update = tuned.update
        left = first.left.mT @ (update.left * update.values)  # (k, r): Uₖᵀ ΔW in the update's own inputs
        right = (update.values[:, None] * update.right.mT) @ first.right  # (r, k)
        core = left @ (update.right.mT @ first.right)  # (k, k)
    else:
        change = tuned.matrix.double() - base.matrix.double()
        left, right = first.left.mT @ change, change @ first.right  # (k, n), (m, k)
        core = left @ first.right
    chance = (k / len(first.left) + k / len(first.right)) / 2.0
    share = [min(1.0, float(part.square().sum()) / norm) for part in (left, right, core)]
    return Inside(share[0], share[1], share[2], chance)


def amplification(base: Weight, tuned: Weight, directions: int) -> float | None:
    """‖ΔWᵣ‖ / ‖Uᵣᵀ W₀ Vᵣ‖ with the r leading vectors of ΔW: how much stronger it is there than the base was.

    LoRA's amplification factor (Hu et al. 2022, section 7.3), where r is the rank of ΔW; of an update of higher rank
    the leading directions are taken, above and below the line. None where the update is zero or the base is zero there.
    """
    r = min(directions, extent(tuned.update_axes))
    if not r:
        return None
    update = tuned.update_axes.leading(r)
    base_part = update.left.mT @ base.matrix.double() @ update.right
    strength = float(torch.linalg.vector_norm(update.values))
    base_strength = float(torch.linalg.matrix_norm(base_part))
    return strength / base_strength if base_strength > 1e-12 * strength else None


def project_matrix(
    matrix: Triplets, left: Float64[Tensor, "m i"], right: Float64[Tensor, "n j"]
) -> Float64[Tensor, "i j"]:
    """leftᵀ · matrix · right, without forming the matrix."""
    return (left.mT @ matrix.left * matrix.values) @ (matrix.right.mT @ right)
