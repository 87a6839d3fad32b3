"""AlphaQ's exponent (arXiv 2606.04980; Superone77/AlphaQ, utils_alpha.py): Hill's over pooled square windows.

Low α, a heavy tail, gets more bits there, by an integer program that is not part of this. In a public log of one model
with experts the exponents spread by 0.11 %, which decides nothing: look at their spread before using them.
"""

import numpy as np

from analysis.linalg.spectrum import decompose
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float

SIDE = 128  # rows and columns of a window
MOST = 256  # windows of a matrix, drawn with a fixed seed
LEAST, SHARE = 10, 0.1  # eigenvalues in the tail


def windowed_exponent(matrix: Float[Tensor, "m n"], side: int = SIDE) -> float | None:
    """1 + k / Σ ln(λ_i / λ_{k+1}) over the k largest, a tenth or ten, of all windows' eigenvalues λ.

    Windows do not overlap, and rows and columns that fill none are left out; a matrix smaller than a window is one.
    None where the values do not fall.
    """
    values = np.sort(np.square(decompose(_windows(matrix.float(), side)).slices.ravel()))[::-1]
    k = max(1, min(max(LEAST, int(SHARE * len(values))), len(values) - 1))
    if len(values) < 2 or values[k] <= 0.0:
        return None
    total = float(np.log(values[:k] / values[k]).sum())
    return 1.0 + k / total if total > 0.0 else None


def _windows(matrix: Float[Tensor, "m n"], side: int) -> Float[Tensor, "w a b"]:
    rows, columns = matrix.shape
    if rows < side or columns < side:
        return matrix[None]
    whole = matrix[: rows - rows % side, : columns - columns % side]
    parts = whole.unfold(0, side, side).unfold(1, side, side).reshape(-1, side, side)
    if len(parts) > MOST:
        drawn = np.random.default_rng(0).choice(len(parts), MOST, replace=False)
        parts = parts[torch.from_numpy(np.sort(drawn))]
    return parts.contiguous()
