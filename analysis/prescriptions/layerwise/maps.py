"""From exponents to ratios of a base value: the maps of TempBalance (arXiv 2312.00359, eq. 4), LLR and AlphaDecay.

A higher exponent, a lighter tail, gets more. Code: YefanZhou/TempBalance at 9f0d9c7, `tempbalance.py`; hed-ucas/
Layer-wise-Learning-Rate at bbd0dcf; hed-ucas/AlphaDecay at 23ce27c.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

STEEP = 4.0  # of the sigmoid


def ratios(alphas: Sequence[float], form: str, low: float, high: float) -> NDArray[np.float64]:
    """What each layer's base value is multiplied by; 1 for all where no exponent differs.

    linear: from `low` to `high` between the least and the largest. sqrt, log2: √a or log₂ a over their mean.
    step: low + (high - low) · rank / L with ranks from 0.

    >>> ratios([2.0, 3.0, 4.0], "linear", 0.5, 1.5)
    array([0.5, 1. , 1.5])
    """
    values = np.array(alphas, np.float64)
    if values.max() <= values.min():
        return np.ones_like(values)
    match form:
        case "sqrt":
            return _over_mean(np.sqrt(values))
        case "log2":
            return _over_mean(np.log2(values))
        case "step":
            ranks = np.empty(len(values))
            ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
            return np.asarray(low + (high - low) * ranks / len(values))
        case _:
            return np.asarray(np.interp(values, (values.min(), values.max()), (low, high)))


def _over_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values * len(values) / values.sum())


def block_sigmoid(alphas: Sequence[float], blocks: Sequence[str | None]) -> NDArray[np.float64]:
    """2 / (1 + exp(-4 z)) with z standardised inside each block, in 0 to 2; 1 outside blocks and where none differs.

    The map `layerwise_sigmoid` of AlphaDecay's code, which gives it norms of gradients.
    """
    values, found = np.array(alphas, np.float64), np.ones(len(alphas))
    for block in dict.fromkeys(name for name in blocks if name is not None):
        here = [at for at, name in enumerate(blocks) if name == block]
        apart = values[here] - values[here].mean()
        spread = float(values[here].std())
        if spread > 0.0:
            found[here] = 2.0 / (1.0 + np.exp(-STEEP * apart / spread))
    return found
