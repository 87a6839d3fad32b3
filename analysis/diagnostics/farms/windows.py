"""Windows of one shape cut from matrices of any shape, so that spectra of different layers can be compared.

Even noise has an exponent that hangs on the aspect ratio of its matrix. Cut into windows of one aspect, all layers are
seen through the same glass (FARMS, Hu et al., ICML 2025, arXiv 2506.06280, section 3).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.linalg.spectrum import decompose
from analysis.runtime.pytorch import Tensor
from analysis.runtime.shapes import Float, Float64
from analysis.weight import Weight

LARGEST, MOST = 1024, 16  # the side of a window and their number, where neither is asked for: about one full spectrum


@dataclass(frozen=True, slots=True)
class Windows:
    """Where the windows of a matrix begin, along its long side and its short side; all are `long` × `short`."""

    long: int
    short: int
    along: tuple[int, ...]  # first indices on the long side
    across: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.along) * len(self.across)

    def cut(self, matrix: Float[Tensor, "m n"]) -> Iterator[Float[Tensor, "p q"]]:
        """Views of the matrix, tall."""
        tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        for i in self.along:
            for j in self.across:
                yield tall[i : i + self.long, j : j + self.short]


def size(rows: int, columns: int, side: int, aspect: float) -> tuple[int, int]:
    """(long, short) of a window with that short side, or the largest that the matrix holds with that aspect.

    The authors clamp the short side alone, or nothing: then a long side may stick out, and the windows are all the same
    or of another aspect.
    """
    small, large = sorted((rows, columns))
    short = max(1, min(side, small, math.floor(large / aspect)))
    return min(large, round(short * aspect)), short


def starts(extent: int, window: int, wanted: int) -> tuple[int, ...]:
    """The authors' first indices of at most that many windows, by a whole stride: a margin may stay uncovered."""
    if wanted == 1:
        return (0,)
    room = extent - window
    stride = max(1, room // (wanted - 1))
    return tuple(min(i * stride, room) for i in range(min(wanted, room // stride + 1)))


def sample_windows(rows: int, columns: int, side: int, aspect: float, per_side: int) -> Windows:
    """The authors' windows (LLM_Pruning/lib/sampling.py, fixed_sampling): up to per_side × per_side."""
    small, large = sorted((rows, columns))
    long, short = size(rows, columns, side, aspect)
    return Windows(long, short, starts(large, long, per_side), starts(small, short, per_side))


def covering(rows: int, columns: int, side: int, aspect: float) -> Windows:
    """Windows that overlap by half where that takes sixteen at most, and are spread evenly where not."""
    small, large = sorted((rows, columns))
    long, short = size(rows, columns, side, aspect)
    num_short = min(_halves(small, short), round(math.sqrt(MOST)))
    num_long = min(_halves(large, long), MOST // num_short)
    return Windows(long, short, starts(large, long, num_long), starts(small, short, num_short))


def _halves(extent: int, window: int) -> int:
    """How many windows cover an extent when each overlaps the next by half."""
    return 1 + math.ceil(2 * (extent - window) / window)


def blocks(rows: int, columns: int) -> Windows:
    """The authors' square blocks of a kernel slice, one below the other; a remainder of rows is left out."""
    small, large = sorted((rows, columns))
    return Windows(small, small, tuple(range(0, large - small + 1, small)), (0,))


def spectra(weight: Weight, windows: Windows) -> Float64[np.ndarray, "s w k"]:
    """The ascending eigenvalues of every window of every slice."""
    if windows.count == 1 and windows.long * windows.short == weight.info.rows * weight.info.columns:
        values: Float64[np.ndarray, "s w k"] = np.square(weight.spectrum.slices)[:, None]
        return values
    eigenvalues = [[decompose(window[None]).eigenvalues for window in windows.cut(matrix)] for matrix in weight.slices]
    return np.array(eigenvalues)
