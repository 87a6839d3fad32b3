"""How far training moved the singular values and vectors of a matrix.

Δσ and ΔD are those of SORSA (Cao and Song, arXiv 2409.00055, section 3), where the i-th direction of the base is
compared with the i-th of the fine-tuned weight. Singular values that
cross exchange places, and such a comparison calls that a full turn; so the best match in a window of places is given
too.
"""

from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import Triplets
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64


def values_drift(base: Float64[Tensor, " p"], tuned: Float64[Tensor, " p"]) -> float:
    """Δσ = mean of |σᵢ - σᵢ⁰|, in the unit of the weights: how far the strengths moved. 0: the spectrum is the same."""
    return float((tuned - base).abs().mean())


def values_distance(base: Float64[Tensor, " p"], tuned: Float64[Tensor, " p"]) -> float | None:
    """√Σ(σᵢ - σᵢ⁰)² / √Σσᵢ⁰²: at most ‖W - W₀‖ / ‖W₀‖ (Mirsky 1960). None for a zero base."""
    norm = float(torch.linalg.vector_norm(base))
    return float(torch.linalg.vector_norm(tuned - base)) / norm if norm > 0.0 else None


def directions_drift(base: Triplets, tuned: Triplets, window: int = 0) -> float | None:
    """ΔD = 1 - mean over i of (|uᵢ·uⱼ⁰| + |vᵢ·vⱼ⁰|) / 2, 0 to 1, with the best j of those within `window` of i.

    0: every direction is as before; near 1 - √(2 / πm) all have turned away, with window 0. Directions of singular
    value 0 are no directions and not counted: None where there is none.
    """
    count = min(extent(base), extent(tuned))
    if not count:
        return None
    best_match = torch.zeros(count, dtype=torch.float64, device=base.values.device)
    for shift in range(-min(window, count - 1), min(window, count - 1) + 1):
        own = slice(max(0, -shift), count - max(0, shift))
        cosines = _match(base, tuned, own, slice(own.start + shift, own.stop + shift))
        best_match[own] = torch.maximum(best_match[own], cosines)
    return max(0.0, 1.0 - float(best_match.mean()))


def _match(base: Triplets, tuned: Triplets, own: slice, other: slice) -> Float64[Tensor, " p"]:
    """(|u·u⁰| + |v·v⁰|) / 2 of some tuned directions with as many of the base."""
    left = (tuned.left[:, own] * base.left[:, other]).sum(dim=0).abs()
    right = (tuned.right[:, own] * base.right[:, other]).sum(dim=0).abs()
    return (left + right) / 2.0
