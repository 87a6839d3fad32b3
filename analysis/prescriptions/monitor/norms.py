"""How large a weight is as a map of activations, whatever its width.

The RMS→RMS operator norm (Yang, Simon and Bernstein, arXiv 2310.17813, condition 1) is how much a weight can enlarge
the root mean square of its input: about 1 in a well-set network of any width.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.runtime.shapes import Float64

Values = Float64[np.ndarray, " k"]


@dataclass(frozen=True, slots=True)
class Norms:
    """The sizes of one m × n matrix. m outputs, n inputs, K the smaller side."""

    operator: float  # σ₁ √(n/m), RMS→RMS; compare it across widths
    entry_rms: float  # ‖W‖/√(mn)
    rms_singular_value: float  # ‖W‖/√K
    stable_rank: float  # ‖W‖²/σ₁², 1 to K; 0 of a zero matrix


def operator_norm(largest: float, rows: int, columns: int) -> float:
    """σ₁ √(n/m): of a Gaussian of deviation σ it tends to σ (√m + √n) √(n/m)."""
    return largest * math.sqrt(columns / rows)


def norms_of(values: Values, rows: int, columns: int) -> Norms:
    """From all singular values, descending, of an m × n matrix."""
    largest, norm = float(values[0]), float(np.linalg.norm(values))
    return Norms(
        operator_norm(largest, rows, columns),
        norm / math.sqrt(rows * columns),
        norm / math.sqrt(len(values)),
        (norm / largest) ** 2 if largest > 0.0 else 0.0,
    )
