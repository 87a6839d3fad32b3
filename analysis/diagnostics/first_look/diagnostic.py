"""A first look at large weights: what one reading of the bytes tells, before the decompositions that take long.

Norms and entries are exact, σ₁ lies in an interval that is proven, and the exponent in one that was measured
(docs/first-look.md). Small weights are decomposed whole, which is as fast.
"""

import math
from collections.abc import Sequence

from analysis.diagnostic import Column, Diagnostic, Measurement, Options, Scalar, Scope
from analysis.diagnostics.farms.diagnostic import FARMS
from analysis.diagnostics.first_look.entries import Entries, add_up
from analysis.diagnostics.first_look.summary import summarise
from analysis.diagnostics.first_look.tail import estimate
from analysis.diagnostics.top_singular_value.largest import TopValue, search
from analysis.figure import ByDepth, Figure, Heatmap
from analysis.linalg.kernels import suit_threads
from analysis.weight import Weight

WHOLE = 1024  # smaller side below which everything is decomposed
GOAL = 0.05  # relative width of the interval of σ₁
FIRST = 8  # directions from which on that is looked for
ZERO = "the matrix is zero"
NO_FIT = "the windows have no exponent: too many of their eigenvalues are zero, or equal"

COLUMNS = (
    Column(
        "squared_norm",
        "‖W‖²",
        "Sum of the squares of all entries, exact. Grows with the size of the matrix and with its entries.",
        scaled=True,
    ),
    Column("rms", "rms", "Root mean square of the entries, exact. High where weights are large.", scaled=True),
    Column(
        "largest",
        "Largest entry",
        "Largest |w| over rms, exact. About 5 in a matrix of normal entries; high where single entries stand out.",
        absent=ZERO,
    ),
    Column(
        "kurtosis_0",
        "Kurtosis around 0",
        "Mean w⁴ over the square of mean w², exact: 3 of normal entries, 1.8 of uniform ones; high where few entries "
        "are much larger than the others.",
        absent=ZERO,
    ),
    Column("zeros", "Zeros", "Share of the entries that are zero, exact, 0 to 1. High: the matrix is sparse."),
    Column(
        "sigma_low",
        "σ₁ at least",
        "Lower end of the interval of the largest singular value: in practice σ₁ to some digits. High means strong "
        "amplification.",
        shown=True,
        scaled=True,
    ),
    Column(
        "sigma_high",
        "σ₁ at most",
        "Upper end, proven: a random start hides a larger σ₁ from it once in a million. Equal to the lower end where "
        "the matrix was decomposed; at most 5 % above it where not.",
        scaled=True,
    ),
    Column(
        "stable_rank_low",
        "Stable rank at least",
        "‖W‖² over the upper end of σ₁, squared. Low means that a few directions carry the matrix.",
        absent=ZERO,
    ),
    Column(
        "stable_rank_high",
        "Stable rank at most",
        "‖W‖² over the lower end of σ₁, squared; high means that the matrix spreads, as noise does.",
        absent=ZERO,
        shown=True,
    ),
    Column(
        "alpha_windows",
        "α windows",
        "Hill's exponent of a few small square windows. Low means heavy tails. An estimate of α FARMS: of all of the "
        "matrix in larger windows.",
        absent=NO_FIT,
        shown=True,
    ),
    Column(
        "alpha_windows_low",
        "α windows, low",
        "Lower end of an interval that held α FARMS in all but a few of the matrices it was measured on "
        "(docs/first-look.md). Low with a high upper end: little is known.",
        absent=NO_FIT,
    ),
    Column(
        "alpha_windows_high",
        "α windows, high",
        "Upper end of the same interval. High with a low lower end: little is known.",
        absent="the windows look like noise, as those of a flatter spectrum do too",
    ),
    Column(
        "window_side",
        "Window",
        "Side of the windows; where the matrix was decomposed, that of the windows of farms. Small ones say less.",
        kind="integer",
        absent=NO_FIT,
    ),
    Column(
        "windows_cut", "Windows", "How many windows. More make the interval narrower.", kind="integer", absent=NO_FIT
    ),
    Column(
        "look",
        "Look",
        "first: from windows and one direction. exact: the matrix was decomposed, because it is small or the proof of "
        "σ₁ took too long.",
        kind="text",
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    with weight.name_errors():
        entries = add_up(weight.slices)
    if entries is None:
        return Measurement(
            {"squared_norm": 0.0, "rms": 0.0, "zeros": 1.0, "sigma_low": 0.0, "sigma_high": 0.0, "look": "exact"},
            note=ZERO,
        )
    exact = len(weight.slices) > 1 or min(weight.info.rows, weight.info.columns) < WHOLE
    top = (None if exact else _top(weight, entries)) or _whole(weight)
    sigma = top.value, top.value * (1.0 + top.error)
    tail = _tail_of_all(weight) if exact else _tail(weight)
    values: dict[str, Scalar] = {
        "squared_norm": entries.squared_norm,
        "rms": entries.rms,
        "largest": entries.largest,
        "kurtosis_0": entries.kurtosis,
        "zeros": entries.zeros,
        "sigma_low": sigma[0],
        "sigma_high": sigma[1],
        "stable_rank_low": (entries.rms / sigma[1]) ** 2 * weight.slices.numel(),
        "stable_rank_high": (entries.rms / sigma[0]) ** 2 * weight.slices.numel(),
        "look": "exact" if top.method == "full" else "first",
        **tail,
    }
    note = weight.info.unfit or (NO_FIT if values.get("alpha_windows") is None else None)
    return Measurement(values, note=note)


def _top(weight: Weight, entries: Entries) -> TopValue | None:
    """σ₁ with its interval; None where that is not proven soon."""
    matrix = weight.matrix
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    with suit_threads(tall.shape[1]):
        scale = math.ldexp(1.0, -entries.exponent)
        return search(tall, scale, math.ldexp(entries.squared_norm, -2 * entries.exponent), GOAL, FIRST)


def _whole(weight: Weight) -> TopValue:
    return TopValue(weight.spectrum.largest, 0.0, weight.spectrum.squared_norm, "full")


def _tail(weight: Weight) -> dict[str, Scalar]:
    found = None if weight.info.unfit else estimate(weight.matrix)
    if found is None:
        return {}
    return {
        "alpha_windows": found.alpha,
        "alpha_windows_low": found.low,
        "alpha_windows_high": found.high,
        "window_side": found.side,
        "windows_cut": found.count,
    }


def _tail_of_all(weight: Weight) -> dict[str, Scalar]:
    """What farms says of it, without an interval: nothing is estimated."""
    if weight.info.unfit:
        return {}
    found = FARMS.compute((weight,), FARMS.settings({})).values
    alpha = found.get("alpha_farms")
    return {
        "alpha_windows": alpha,
        "alpha_windows_low": alpha,
        "alpha_windows_high": alpha,
        "window_side": found["window_short"] if alpha is not None else None,
        "windows_cut": found["num_windows"] if alpha is not None else None,
    }


FIRST_LOOK = Diagnostic(
    name="first_look",
    title="First look",
    scope=Scope.ONE,
    reference="docs/first-look.md; van Dorsselaer et al. 2000 (σ₁); Hu et al., ICML 2025, arXiv 2506.06280 (windows)",
    description="What one reading of large weights tells in a fraction of the time: exact norms, bounds on σ₁, and an "
    "estimate of the tail.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    figures=(
        Figure(
            "alpha-by-depth",
            "α windows by depth",
            "Each line is one role. An estimate: differences within the interval say nothing.",
            ByDepth(y="alpha_windows"),
        ),
        Figure(
            "stable-rank-by-depth",
            "Stable rank by depth",
            "Each line is one role. Low: a few directions carry the matrix. High: it spreads over many, as noise does.",
            ByDepth(y="stable_rank_high"),
        ),
        Figure(
            "stable-rank-by-role",
            "Stable rank by block and role",
            "Each cell is one matrix: the sum of its eigenvalues over the largest.",
            Heatmap(color="stable_rank_high"),
        ),
    ),
    caveat="Bounds and estimates: the interval of the exponent tells heavy tails from noise, and does not rank "
    "layers (docs/first-look.md).",
)
