"""How alike one matrix of two checkpoints is: the same, near, in another order, rotated, or with nothing in common.

Fine-tunes keep a cosine above 0.99 with their base on nearly all matrices; of independent ones |cos| stays below
3/√(mn) for all but one in 370. Where the cosine is that low, equal singular values still tell a copy whose rows or
columns lie in another order, or were rotated.
"""

import math
from dataclasses import dataclass

from analysis.diagnostics.update.kinds import CAST, NEW, NONE, kind_of_change
from analysis.diagnostics.update.origin import PERMUTED, cosine
from analysis.linalg.spectrum import BLOCK
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64
from analysis.weight import Weight

ROTATED, ROUNDED = "rotated", "rounded"
NEAR = 0.99  # cosine from which a matrix is a near copy
SAME_SPECTRUM = 1e-3  # distance of spectra below which two unlike matrices have the same: bfloat16 gives 2e-4
BFLOAT16_BITS = 8  # half of its step at w is 2^(⌊log₂|w|⌋ - 8)


@dataclass(frozen=True, slots=True)
class Likeness:
    """One matrix of a model against the same one of a candidate base."""

    kind: str  # one of update's kinds of change, or "rotated" (same singular values), or "rounded"
    cosine: float | None  # ⟨A, B⟩/(‖A‖ ‖B‖), -1 to 1; None where one of them is zero
    relative: float | None  # ‖A - B‖/‖B‖, from 0; about 1.41 for unrelated ones of equal size; None for a base of zero
    chance: float  # 3/√(mn): |cosine| of independent matrices stays below it
    spectrum_distance: float | None  # √Σ(σ - σ⁰)²/√Σσ⁰²; None where the cosine says enough
    size: int  # entries

    @property
    def is_near(self) -> bool:
        return self.cosine is not None and self.cosine > NEAR


def measure_likeness(base: Weight, model: Weight) -> Likeness:
    """Of finite matrices of one shape. Singular values are computed where the cosine is that of unrelated ones only."""
    before, after = base.matrix, model.matrix
    kind, similarity = kind_of_change(base, model), cosine(before, after)
    distance = None
    if kind in (NEW, PERMUTED):
        distance = spectrum_distance(base.singular_values, model.singular_values)
        if kind == NEW and distance is not None and distance <= SAME_SPECTRUM:
            kind = ROTATED
    elif kind not in (NONE, CAST) and is_within_half_step(before, after):
        kind = ROUNDED
    return Likeness(
        kind, similarity, relative_distance(before, after), 3.0 / math.sqrt(before.numel()), distance, before.numel()
    )


def relative_distance(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"]) -> float | None:
    """‖after - before‖ / ‖before‖, in float64, some rows at a time; None where `before` is zero."""
    height = max(1, BLOCK // before.shape[1])
    sums = torch.zeros(2, dtype=torch.float64)
    for a, b in zip(torch.split(before, height), torch.split(after, height), strict=True):
        sums += torch.stack([(b.double() - a.double()).square().sum(), a.double().square().sum()])
    change, size = sums.tolist()
    return math.sqrt(change) / math.sqrt(size) if size > 0.0 else None


def spectrum_distance(base: Float64[Tensor, " k"], model: Float64[Tensor, " k"]) -> float | None:
    """√Σ(σ - σ⁰)² / √Σσ⁰² of descending singular values; None where the base is zero."""
    norm = float(torch.linalg.vector_norm(base))
    return float(torch.linalg.vector_norm(model - base)) / norm if norm > 0.0 else None


def is_within_half_step(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"]) -> bool:
    """Whether no entry moved by more than half a step of bfloat16: then a cast alone could have made the change."""
    height = max(1, BLOCK // before.shape[1])
    for a, b in zip(torch.split(before, height), torch.split(after, height), strict=True):
        larger = torch.maximum(a.double().abs(), b.double().abs())
        half = torch.ldexp(torch.ones_like(larger), torch.frexp(larger).exponent - 1 - BFLOAT16_BITS)
        if bool(((b.double() - a.double()).abs() > half * (larger > 0.0)).any()):
            return False
    return True
