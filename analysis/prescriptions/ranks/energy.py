"""Ranks by energy, and what a factored layer saves."""

from dataclasses import dataclass

import numpy as np

from analysis.runtime.shapes import Float64

Values = Float64[np.ndarray, " k"]


@dataclass(frozen=True, slots=True)
class Factored:
    """What a matrix of m × n loses and saves where only its first k directions are kept as two factors."""

    rank: int
    energy: float  # Σ_{i≤k} s² / Σ s², 0 to 1
    error: float  # ‖W - W_k‖/‖W‖ = √(1 - energy), 0 to 1
    parameters: int  # k (m + n)
    saved: int  # mn - k (m + n); below 0 the two factors are larger than the matrix

    @property
    def pays(self) -> bool:
        """Whether k < mn/(m + n)."""
        return self.saved > 0


def energy_rank(values: Values, share: float) -> int:
    """The least k with Σ_{i≤k} s² ≥ share · Σ s², of descending singular values; 1 to K. 0 for a zero matrix."""
    squares = np.cumsum(np.square(values))
    if squares[-1] == 0.0:
        return 0
    return min(len(values), int(np.searchsorted(squares, share * squares[-1] * (1.0 - 1e-15))) + 1)


def factored(values: Values, rank: int, rows: int, columns: int) -> Factored:
    """Of descending singular values of an m × n matrix."""
    squares = np.square(values)
    total = float(squares.sum())
    loss = float(squares[rank:].sum()) / total if total > 0.0 else 0.0
    parameters = rank * (rows + columns)
    return Factored(rank, 1.0 - loss, float(np.sqrt(loss)), parameters, rows * columns - parameters)
