"""What a matrix's entries say of how it will take rounding: peaks, tails, and the errors of common formats."""

import numpy as np

from analysis.diagnostic import Scalar
from analysis.linalg.spectrum import decompose
from analysis.linalg.triplets import finite
from analysis.prescriptions.quantisation.rounding import fp8, int4, int8, nf4, relative_error
from analysis.prescriptions.quantisation.windows import windowed_exponent
from analysis.runtime.pytorch import Tensor
from analysis.runtime.shapes import Float

FAR = 6.0  # standard deviations
FORMATS = {"int4": "int4_group", "int8": "int8_channel", "fp8": "fp8_e4m3_tensor", "nf4": "nf4_block64"}


def measure_entries(matrix: Float[Tensor, "m n"], group: int, top: int) -> dict[str, Scalar]:
    """All numbers of one matrix. Raises NotFinite where an entry is NaN or infinite.

    kurtosis: mean (w - μ)⁴ / variance², 3 for a Gaussian, high with outliers. max_over_sigma: max|w| / σ. far_share: of
    entries beyond 6 σ. row_peak, column_peak: the largest max|w| / rms of a row and of a column; a peak in a column is
    what scales per output cannot help. mu_incoherence: max|w| √(mn) / ‖W‖ ≥ 1 (QuIP, arXiv 2307.13304, definition 1).
    top10_farms128: AlphaQ's exponent. error_top_share: of ‖Ŵ - W‖² at int4 in its `top` strongest directions; near its
    least a low-rank correction gains little. int8_output_bound: σ₁(Ŵ - W) / σ₁(W) at int8, the largest change of an
    output over the largest output, for inputs of one size. The last two are left out where `top` is 0.
    """
    finite(matrix)
    matrix = matrix.float()
    grid_values, by_output = int4(matrix, group), int8(matrix)
    return {
        **_moments(matrix),
        "row_peak": _peak(matrix, 1),
        "column_peak": _peak(matrix, 0),
        "int4_group": relative_error(matrix, grid_values),
        "int8_channel": relative_error(matrix, by_output),
        "fp8_e4m3_tensor": relative_error(matrix, fp8(matrix)),
        "nf4_block64": relative_error(matrix, nf4(matrix)),
        "top10_farms128": windowed_exponent(matrix),
        **(_spectra(matrix, grid_values - matrix, by_output - matrix, top) if top else {}),
    }


def _moments(matrix: Float[Tensor, "m n"]) -> dict[str, Scalar]:
    wide = matrix.double()
    deviations = wide - wide.mean()
    variance, largest = float(deviations.square().mean()), float(wide.abs().max())
    sigma = variance**0.5
    rms = float(wide.square().mean()) ** 0.5
    return {
        "kurtosis": float(deviations.pow(4).mean()) / variance**2 if variance > 0.0 else None,
        "max_over_sigma": largest / sigma if sigma > 0.0 else None,
        "far_share": float((wide.abs() > FAR * sigma).double().mean()) if sigma > 0.0 else None,
        "mu_incoherence": largest / rms if rms > 0.0 else None,
    }


def _peak(matrix: Float[Tensor, "m n"], axis: int) -> float | None:
    rms = matrix.square().mean(dim=axis).sqrt()
    if not (rms > 0.0).any():
        return None
    largest = matrix.abs().amax(dim=axis)
    return float((largest[rms > 0.0] / rms[rms > 0.0]).max())


def _spectra(matrix: Tensor, at_int4: Tensor, at_int8: Tensor, top: int) -> dict[str, Scalar]:
    """What the singular values of the matrix and of its two errors say."""
    own, four, eight = (np.sort(decompose(each[None]).values.ravel())[::-1] for each in (matrix, at_int4, at_int8))
    total = float(np.square(four).sum())
    return {
        "error_top_share": float(np.square(four[:top]).sum()) / total if total > 0.0 else None,
        "int8_output_bound": float(eight[0] / own[0]) if own[0] > 0.0 else None,
    }
