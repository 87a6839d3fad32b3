"""How much of one type of matrix a few atoms keep over the layers (Share Your Attention).

Each layer's weight is a long vector; a dictionary of j atoms keeps the first j eigenvalues of their Gram matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.runtime.shapes import Float64

Matrix = Float64[np.ndarray, "_ _"]

SAMPLED = 1 << 20  # entries of a layer that stand for it: evenly spaced rows


@dataclass(frozen=True, slots=True)
class Sharing:
    """The layers of one type."""

    energy: tuple[float, ...]  # of the first j atoms, j = 1 … L, 0 to 1
    above_chance: tuple[float, ...]  # the same less j/L, which independent layers of one size have


def measure_sharing(layers: Sequence[Matrix]) -> Sharing | None:
    """Of layers of one shape, each taken to norm 1; None of fewer than two, or where one is zero."""
    flat = np.stack([layer.ravel() for layer in layers])
    norms = np.linalg.norm(flat, axis=1)
    if len(layers) < 2 or not np.all(norms > 0.0):
        return None
    unit = flat / norms[:, None]
    values = np.linalg.eigvalsh(unit @ unit.T)[::-1].clip(min=0.0)
    energy = np.cumsum(values) / values.sum()
    count = len(layers)
    return Sharing(
        tuple(float(one) for one in energy),
        tuple(float(one) - (j + 1) / count for j, one in enumerate(energy)),
    )


def sample_rows(matrix: Matrix) -> Matrix:
    """Evenly spaced rows, so that no layer takes more than SAMPLED numbers."""
    count = max(1, min(len(matrix), SAMPLED // matrix.shape[1]))
    rows: Matrix = matrix[np.linspace(0, len(matrix) - 1, count).astype(int)]
    return rows
