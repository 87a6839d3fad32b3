"""The numbers of a base weight and a tuned one, by the names of the columns of the diagnostic `update`."""

import math

import numpy as np

from analysis.diagnostic import Scalar
from analysis.diagnostics.update.directions import amplification, measure_inside
from analysis.diagnostics.update.drift import directions_drift, values_distance, values_drift
from analysis.diagnostics.update.origin import ADAPTER, FACTORS, cosine
from analysis.linalg import rounding
from analysis.linalg.subspaces import above_rounding, extent
from analysis.linalg.triplets import Triplets
from analysis.runtime.arrays import dtype_name
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64
from analysis.statistics import power_law
from analysis.statistics.fit_range import usable_eigenvalues
from analysis.statistics.measures import effective_rank
from analysis.weight import Weight

WINDOW = 8  # places on either side in which a direction's best match is looked for


def sizes(base: Weight, tuned: Weight) -> dict[str, Scalar]:
    """What the singular values of the update say by themselves and beside the base's norms."""
    values = tuned.update_axes.values
    norm, base_norm = _norm(values), _norm(base.axes.values)
    largest = float(values[0])
    facts: dict[str, Scalar] = {
        "norm": norm,
        "rank": _rank(tuned),
        "available_rank": len(values) if tuned.factors is not None else None,
        "effective_rank": effective_rank(values.cpu().numpy() / largest) if largest > 0.0 else 0.0,
        "stable_rank": (norm / largest) ** 2 if largest > 0.0 else 0.0,
    }
    if base_norm > 0.0:
        facts |= {"relative_norm": norm / base_norm, "spectral_ratio": largest / float(base.axes.values[0])}
    return facts


def _norm(values: Float64[Tensor, " k"]) -> float:
    return float(torch.linalg.vector_norm(values))


def _rank(tuned: Weight) -> int:
    """Singular values of the update that neither float64 nor the rounding of what is stored can explain."""
    rank = extent(tuned.update_axes)
    if tuned.factors is not None:
        return rank
    return min(rank, int((tuned.update_axes.values > rounding.floor(tuned.matrix)).sum()))


def shares(base: Weight, tuned: Weight, directions: int) -> dict[str, Scalar]:
    """Where the update lies among the directions of the base, and what it amplifies; nothing where one is zero."""
    first = base.axes.leading(min(directions, extent(base.axes)))
    parts = measure_inside(base, tuned, first)
    if parts is None:
        return {}
    return {
        "share_in_base": (parts.left + parts.right) / 2.0,
        "share_chance": parts.chance,
        "share_left": parts.left,
        "share_right": parts.right,
        "share_both": parts.both,
        "amplification": amplification(base, tuned, directions),
    }


def _eigenvalues(weight: Weight) -> Float64[np.ndarray, " p"]:
    """The ESD, ascending; of a convolution the pooled one of its slices, as esd fits it."""
    if len(weight.slices) > 1:
        return weight.spectrum.eigenvalues
    squares: Float64[np.ndarray, " p"] = np.square(weight.singular_values.flip(0).cpu().numpy())
    return squares


def tails(base: Weight, tuned: Weight) -> dict[str, Scalar]:
    """The exponents of both tails, as the diagnostic esd fits them, and their difference."""
    before, after = (
        power_law.fit(usable_eigenvalues(_eigenvalues(one), False), rounding.flat(one.numbers)) for one in (base, tuned)
    )
    if before is None or after is None:
        return {name: law.alpha for name, law in (("alpha_base", before), ("alpha_tuned", after)) if law}
    return {
        "alpha_base": before.alpha,
        "alpha_tuned": after.alpha,
        "alpha_shift": after.alpha - before.alpha,
        "alpha_shift_error": math.hypot(before.error, after.error),
    }


def drift(base: Weight, tuned: Weight) -> dict[str, Scalar]:
    """How far the singular values moved."""
    values = base.axes.values, tuned.singular_values
    ranks = [effective_rank(one.cpu().numpy()) if float(one[0]) > 0.0 else None for one in values]
    return {
        "rank_shift": None if ranks[0] is None or ranks[1] is None else ranks[1] - ranks[0],
        "delta_sigma": values_drift(*values),
        "spectrum_distance": values_distance(*values),
    }


def turns(base: Triplets, tuned: Triplets) -> dict[str, Scalar]:
    """How far the singular vectors turned."""
    return {
        "delta_direction": directions_drift(base, tuned),
        "delta_direction_matched": directions_drift(base, tuned, WINDOW),
    }


def significant(weight: Weight) -> Float64[Tensor, " p"]:
    """Its singular values that are no rounding, descending; none of a zero matrix."""
    return weight.singular_values[: above_rounding(weight.singular_values, max(weight.matrix.shape))]


def entries(base: Weight, tuned: Weight) -> dict[str, Scalar]:
    """What the entries say, one by one."""
    same = base.slices.to(tuned.slices.dtype) == tuned.slices
    base_norm = _norm(base.axes.values)
    errors = [one.grid.step for one in (base, tuned) if one.grid is not None]
    if errors:  # each entry was rounded to its grid, half a step either way: step² / 12 on average
        noise = math.sqrt(sum(step**2 for step in errors) * tuned.slices.numel() / 12.0)
        share = _norm(tuned.update_axes.values) / noise if noise > 0.0 else None
    else:
        share = rounding.ratio(dtype_name(tuned.numbers), _norm(tuned.update_axes.values), base_norm)
    dtype = tuned.grid.how if tuned.grid else str(tuned.slices.dtype).removeprefix("torch.")
    return {
        "cosine": cosine(base.matrix, tuned.matrix),
        "unchanged": float(same.double().mean()),
        "rounding": None if tuned.of_adapter else share,
        "stored_as": dtype if not tuned.of_adapter else ADAPTER if tuned.factors is None else FACTORS,
        "base_stored_as": base.grid.how if base.grid else str(base.slices.dtype).removeprefix("torch."),
    }
