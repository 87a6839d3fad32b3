"""What one pass over the entries adds up."""

import math
from dataclasses import dataclass

from analysis.linalg.spectrum import BLOCK
from analysis.linalg.triplets import finite
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float


@dataclass(frozen=True, slots=True)
class Entries:
    """Of the entries of a finite matrix that is not zero; each as it is, whatever their scale."""

    squared_norm: float
    exponent: int  # of the power of two above the largest
    rms: float
    largest: float  # |w| over rms
    kurtosis: float  # mean w⁴ / (mean w²)²: 3 of a normal law around 0
    zeros: float  # share


def add_up(slices: Float[Tensor, "s m n"]) -> Entries | None:
    """None where all are zero. Raises NotFinite."""
    low, high = (float(end) for end in torch.aminmax(slices))
    if not math.isfinite(low + high):
        finite(slices.flatten(0, 1))
    exponent = math.frexp(max(-low, high))[1]
    scale = math.ldexp(1.0, -exponent)
    count, squares, fourths, nonzero = slices.numel(), 0.0, 0.0, 0
    if low == high == 0.0:
        return None
    for block in torch.split(slices.flatten(0, 1), max(1, BLOCK // slices.shape[2])):
        square = (block.double() * scale).square_().flatten()
        squares += float(square.sum())
        fourths += float(square @ square)
        nonzero += int(torch.count_nonzero(square))
    mean = squares / count
    return Entries(
        squared_norm=math.ldexp(squares, 2 * exponent),
        exponent=exponent,
        rms=math.ldexp(math.sqrt(mean), exponent),
        largest=max(-low, high) * scale / math.sqrt(mean),
        kurtosis=fourths / count / mean**2,
        zeros=1.0 - nonzero / count,
    )
