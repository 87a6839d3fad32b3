"""Whether all singular values of a weight are equal, or nearly: multiples of the identity, orthogonal ones, flat ones.

None of these says whether the weight was trained: identities and orthogonal matrices are initialisations, and are kept
by some parametrisations, and optimisers that even out their steps, such as Muon, leave flat spectra.
"""

import math

import numpy as np

from analysis.diagnostics.entries.noise import FEWEST
from analysis.linalg.spectrum import Spectrum
from analysis.runtime.arrays import Numbers, as_array, double
from analysis.runtime.shapes import Float

LINES = 256  # of a kernel, that are looked at
EQUAL = 1.05  # σ₁ over the smallest singular value, up to which a spectrum is that of an orthogonal matrix
NEARLY = 2.0  # the same of a flat one; that of noise has more, but for long matrices: half of its logarithm there
ALMOST = 0.05  # of the norm, by which a weight may differ from a multiple of the identity


def evenness(slices: Float[Numbers, "s m n"], spectrum: Spectrum) -> str:
    """Of a weight that is finite and not zero: "identity", "orthogonal", "flat" or ""."""
    enough, array = min(spectrum.rows, spectrum.columns) >= FEWEST, as_array(slices)
    if enough and off_identity(array, spectrum.squared_norm) <= ALMOST:
        return "identity"
    if orthogonal(spectrum, array):
        return "orthogonal"
    return "flat" if enough and is_flat(spectrum) else ""


def off_identity(slices: Float[Numbers, "s m n"], squared_norm: float) -> float:
    """‖W - cI‖ / ‖cI‖ with the best c, of a kernel with I at its best position and zeros elsewhere; ∞ where c is 0."""
    array = as_array(slices)
    diagonals = double(np.diagonal(array, axis1=1, axis2=2))
    largest, side = float(np.abs(diagonals).max()) or 1.0, min(array.shape[1:])
    means = (diagonals / largest).sum(axis=-1) / side
    own = float(np.abs(means).max()) ** 2 * side  # ‖cI‖² over the square of the largest
    return math.sqrt(max(0.0, squared_norm / largest / largest / own - 1.0)) if own > 0.0 else math.inf


def is_flat(spectrum: Spectrum) -> bool:
    """Whether σ₁ is at most twice the smallest singular value of its slice, and far nearer to it than in noise."""
    small, large = sorted((spectrum.rows, spectrum.columns))
    root = math.sqrt(small / large)
    noise = math.log((1.0 + root) / (1.0 - root)) if small < large else math.inf
    smallest, largest = spectrum.slices[:, 0], spectrum.slices[:, -1]
    return bool((largest <= math.exp(min(math.log(NEARLY), noise / 2.0)) * smallest).all())


def orthogonal(spectrum: Spectrum, slices: Float[np.ndarray, "s m n"]) -> bool:
    """Whether all singular values of each slice are equal, or those of a kernel with its positions side by side."""
    if len(slices) > 1 and _is_orthogonal(slices.transpose(1, 2, 0).reshape(slices.shape[1], -1)):
        return True
    smallest, largest = spectrum.slices[:, 0], spectrum.slices[:, -1]
    enough = min(spectrum.rows, spectrum.columns) >= FEWEST
    filled = largest > 1e-6 * spectrum.largest  # an orthogonal convolution is zero but at its centre
    return bool(enough and filled.any() and (largest[filled] <= EQUAL * smallest[filled]).all())


def _is_orthogonal(matrix: Float[np.ndarray, "m sn"]) -> bool:
    """By the cosines of the lines of the smaller side, and their norms."""
    short = double((matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T)[:LINES])
    gram = short @ short.T
    sizes = gram.diagonal()
    if len(short) < FEWEST or float(sizes.min()) <= 0.0:
        return False
    off = gram - np.diag(sizes)
    return bool(sizes.max() <= EQUAL**2 * sizes.min() and np.abs(off).max() <= (EQUAL - 1.0) * sizes.min())
