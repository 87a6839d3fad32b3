"""Options that several diagnostics share, and what all of them do with their values and curves."""

import numpy as np
from jaxtyping import Float32, Float64

from analysis.diagnostic import Option, Options
from analysis.linalg import rounding
from analysis.statistics.power_law import FLAT
from analysis.weight import Weight

COMPAT = Option(
    "compat",
    "none",
    "weightwatcher: leave out eigenvalues up to 1e-5, an absolute bound, as WeightWatcher does. none: leave out those "
    "up to 1e-12 of the largest, which does not hang on the scale of the weights.",
    choices=("none", "weightwatcher"),
)

CONV_NORM = Option(
    "conv_norm",
    1.0,
    "Factor on the eigenvalues of a convolution's kernel slices. WeightWatcher halves them: 0.5 gives its numbers.",
    minimum=1e-6,
    maximum=1e6,
)


def conv_factor(weight: Weight, options: Options) -> float:
    """The factor on the eigenvalues: conv_norm for the kernel slices of a convolution, 1 for a matrix."""
    return options.number("conv_norm") if weight.info.role == "conv" or weight.info.slices > 1 else 1.0


def flatness(weight: Weight, options: Options) -> float:
    """Below what difference in ln λ eigenvalues are equal: by the rounding of their type; WeightWatcher knows none."""
    return FLAT if options.text("compat") == "weightwatcher" else rounding.flat(weight.numbers)


def single(curve: Float64[np.ndarray, " p"]) -> Float32[np.ndarray, " p"]:
    """As float32, the largest and smallest of which bound what a figure can show."""
    limit = float(np.finfo(np.float32).max)
    values: Float32[np.ndarray, " p"] = np.clip(curve, -limit, limit).astype(np.float32)
    return values
