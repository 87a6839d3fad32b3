"""The maps that a head makes of its projections: which inputs attend to which (QK), and what is written (OV).

Both are n × n matrices of rank d, the size of a head. Their singular values come from d × d matrices.
"""

import math

import numpy as np

from analysis.runtime.shapes import Float64

Matrix = Float64[np.ndarray, "_ _"]
Values = Float64[np.ndarray, " _"]


def product_values(left: Matrix, right: Matrix) -> Values:
    """The d singular values of leftᵀ · right, descending, for d × n factors: svd(R_l R_rᵀ) with leftᵀ = Q_l R_l.

    With queries (d, n) and keys (d, n) it is the QK map W_qᵀ W_k; with W_oᵀ (d, m) and values (d, n) the OV map.
    """
    outer, inner = np.linalg.qr(left.T).R, np.linalg.qr(right.T).R
    values: Values = np.linalg.svd(outer @ inner.T, compute_uv=False)
    return values


def safe_bound(queries: Matrix, keys: Matrix) -> float:
    """σ₁(W_q) σ₁(W_k), which no rotation inside the head (RoPE) can pass; σ₁ of the product itself is no bound then."""
    return float(np.linalg.norm(queries, 2)) * float(np.linalg.norm(keys, 2))


def logit_bound(queries: Matrix, keys: Matrix, gain: Values | None = None) -> float:
    """The largest |logit| that inputs normed by RMSNorm can make: σ₁(W_q Γ) σ₁(W_k Γ) n/√d, with ‖x/rms‖ = √n.

    `gain` is the norm's γ, folded in as W diag(γ); None: all 1. The logit is q·k/√d, without biases.
    """
    size, inputs = queries.shape
    scale = np.ones(inputs) if gain is None else gain
    return safe_bound(queries * scale, keys * scale) * float(inputs) / math.sqrt(size)


def top_share(values: Values) -> float | None:
    """s₁²/Σs², 1/d to 1: near 1 a rank-one map, as of an edit of one head. None for zeros."""
    total = float(np.square(values).sum())
    return float(values[0] ** 2) / total if total > 0.0 else None


def energy_shares(slices: list[Matrix]) -> list[float]:
    """‖W_i‖²/Σ‖W‖² of each slice; all 0 where the whole is zero. Chance is 1 over their number."""
    squares = [float(np.square(one).sum()) for one in slices]
    total = math.fsum(squares)
    return [one / total if total > 0.0 else 0.0 for one in squares]


def heads_holding(shares: list[float], share: float = 0.9) -> int:
    """The fewest heads whose shares add up to that; 0 where all are 0."""
    total = np.cumsum(sorted(shares, reverse=True))
    return int(np.searchsorted(total, share * (1.0 - 1e-12))) + 1 if len(total) and total[-1] > 0.0 else 0
