"""A mean sparsity spread over layers by their exponents, within a cap.

φ = 1 - ε + 2 ε (a - a_min) / (a_max - a_min), S = η φ, and η such that the mean over parameters is the target
(AlphaPruning, arXiv 2410.10912, section 3, eq. 2; `ww_sparsity`). The published code does not cap S, and asks for more
than all of a layer at a high target; here what would be above the cap is at the cap, and the others make up for it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.errors import UnreachableTarget
from analysis.runtime.shapes import Bool, Float64

Values = Float64[np.ndarray, " l"]


def allocate(
    alphas: Sequence[float], parameters: Sequence[int], target: float, epsilon: float, cap: float
) -> NDArray[np.float64]:
    """S of each layer, 0 to `cap`: Σ d S = target · Σ d, and S grows with a. All equal: the target for each.

    Raises UnreachableTarget where the target is above the cap.
    """
    if target > cap:
        raise UnreachableTarget(
            f"a mean sparsity of {target:g} is above the cap of {cap:g} for a layer: lower the target or raise the cap"
        )
    weights, factors = np.array(parameters, np.float64), shares(np.array(alphas, np.float64), epsilon)
    full: Bool[np.ndarray, " l"] = np.zeros(len(factors), bool)
    while True:
        values = _with_full(factors, weights, target, cap, full)
        is_over = ~full & (values > cap)
        if not is_over.any():
            return values
        full |= is_over


def shares(alphas: Values, epsilon: float) -> Values:
    """φ, 1 - ε for the least exponent and 1 + ε for the largest; 1 for all where none differs."""
    low, high = float(alphas.min()), float(alphas.max())
    if high <= low:
        return np.ones_like(alphas)
    values: Values = 1.0 - epsilon + 2.0 * epsilon * (alphas - low) / (high - low)
    return values


def _with_full(raised: Values, weights: Values, target: float, cap: float, full: Bool[np.ndarray, " l"]) -> Values:
    """S where these layers are at the cap."""
    missing = target * weights.sum() - cap * weights[full].sum()
    rest = np.where(full, 0.0, raised)
    if (rest * weights).sum() <= 0.0:  # ε = 1, and all that is left has the least exponent
        rest = np.where(full, 0.0, 1.0)
    total = float((rest * weights).sum())
    values: Values = np.where(full, cap, rest * (missing / total if total > 0.0 else 0.0))
    return values
