"""Options and columns that several diagnostics share, and what all of them do with their values and curves."""

import numpy as np

from analysis.diagnostic import Column, Option, Options
from analysis.linalg import rounding
from analysis.runtime.shapes import Float32, Float64
from analysis.statistics.fit_range import NO_FIT
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

SIGMA = Column(
    "sigma",
    "σ of α",
    "Standard error of α for a given start of the tail, (α - 1)/√tail (Clauset et al. 2009, 3.2), as WeightWatcher "
    "gives it. High: weak. It leaves the search for the start out: alpha_error does not.",
    absent=NO_FIT,
    caveat="α ± σ covers 59 to 61 % of Pareto samples instead of 68: read ± α instead (docs/evidence.md).",
    source="Clauset, Shalizi and Newman, SIAM Review 51, 2009, section 3.2",
)
ALPHA_ERROR = Column(
    "alpha_error",
    "± α",
    "1.3 σ, the standard error of α with the search for the start of its tail: on power laws α ± 1.3 σ covers 70 to "
    "74 % where 68 are wanted, twice that 98 % of 95; above a body that is no power law 56 to 73 % (docs/truth.md). "
    "High: read α as a direction, not as a number. Noise has no exponent, and errs by up to 3.9 σ. The option "
    "bootstrap of tail_models repeats the search.",
    absent=NO_FIT,
    source="measured with benchmarks/truth (docs/truth.md)",
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
