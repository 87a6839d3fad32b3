"""The largest singular value of each weight in every model of a family: does it scale with width as the law says?

Fan, Liu, Zhao, Yuan and Gu (arXiv 2510.15262): σ₁ ∝ √(η/λ) · d^0.75. A row holds what one weight says by itself; what
takes facts (η, λ, steps) and many layers is in the summary (analysis.width_scaling.summary), so that facts can be
corrected later.
"""

import math
from collections.abc import Sequence

import numpy as np

from analysis.diagnostic import Column, Diagnostic, Measurement, Option, Options, Scalar, Scope
from analysis.diagnostics.options import single
from analysis.diagnostics.top_singular_value.largest import TopValue, top_value
from analysis.figure import ByDepth, Figure, Growth, Heatmap, Widths
from analysis.linalg.spectrum import Spectrum, decompose
from analysis.runtime.shapes import Float64
from analysis.weight import Weight
from analysis.width_scaling.family import HEAD, MATRIX, VECTOR
from analysis.width_scaling.summary import summarise

WRITES = ("o", "down")  # their rows are the width; the columns of all others that are known by name
MATRICES = ("q", "k", "v", "qkv", "o", "gate", "up", "down", "gate_up")
VECTORS = ("embedding", "position")
POINTS = 33  # of a normalised spectrum: i/32 of the way from the largest singular value to the smallest
UNASKED = "only σ₁ was computed: ask for quantiles"
ZERO = "the weight is zero in one of the models"
Values = Float64[np.ndarray, " members"]

QUANTILES = Option(
    "quantiles",
    False,
    "Whether to compute all singular values, for their median and the shape of the spectrum. Takes several times as "
    "long: σ₁ alone is found without the others.",
)

COLUMNS = (
    Column(
        "exponent",
        "Exponent of d",
        "Slope of ln σ₁ against the logarithm of the width that the shapes tell, in this weight alone: 0 where σ₁ "
        "stays the same, high where it grows with width.",
        absent="the widths are all the same, or the weight is zero",
        shown=True,
    ),
    Column(
        "measured_ratio",
        "σ₁ last / first",
        "σ₁ in the last model over that in the first: near 1 where settings transfer, above where σ₁ grows.",
        absent=ZERO,
        shown=True,
        usual_words="Near 1.",
    ),
    Column(
        "rms_ratio",
        "rms last / first",
        "Root mean square of the entries in the last model over that in the first: below 1 where weights shrink.",
        absent=ZERO,
    ),
    Column(
        "shape_gap",
        "Shape gap",
        "Largest gap between the normalised spectra σᵢ/σ₁ at equal i/M of any two models: near 0 the shape is the "
        "same, above 0.05 it changes with width.",
        absent=UNASKED,
        usual=(0.0, 0.05),
    ),
    Column(
        "kind_class",
        "Class",
        "What the law sees in it: matrix (both sides grow with the width), vector (one side is fixed, as in "
        "embeddings) or head (the output head, not covered).",
        kind="text",
    ),
    Column("method", "Method", "How σ₁ was found: krylov, or full where one was decomposed.", kind="text"),
    Column(
        "error",
        "Error bound",
        "Bound on the relative error of every σ₁ here: above 1e-6 never. 0 where all singular values were computed.",
        usual_words="1e-6 at most.",
    ),
    Column("widths", "Width", "Width of each model as this weight's shape tells it: high is wide.", kind="curve"),
    Column("sigma", "σ₁", "Largest singular value in each model: high means strong amplification.", kind="curve"),
    Column("rms", "rms", "Root mean square of the entries in each model: high where weights are large.", kind="curve"),
    Column(
        "stable_rank",
        "Stable rank",
        "‖W‖²/σ₁² in each model, 1 to the rank: low means that a few directions carry the weight.",
        kind="curve",
    ),
    Column(
        "median_sigma",
        "Median σ",
        "Median singular value in each model: near σ₁ where all directions count alike.",
        kind="curve",
        absent=UNASKED,
    ),
    Column(
        "shape",
        "σᵢ / σ₁",
        "Normalised spectra at 33 equal steps of i/M, one model after the other: high where many directions count.",
        kind="curve",
        absent=UNASKED,
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    has_quantiles = options.flag("quantiles")
    tops = [top_value(weight, has_quantiles) for weight in weights]
    sigma = np.array([one.value for one in tops])
    widths = widths_of(weights)
    curves = {"widths": widths, "sigma": sigma, "rms": _rms(weights, tops), "stable_rank": _stable_ranks(tops)}
    values: dict[str, Scalar] = {
        "kind_class": class_of(weights),
        "method": "krylov" if all(one.method == "krylov" for one in tops) else "full",
        "error": max(one.error for one in tops),
    }
    if not (sigma > 0.0).all():
        return Measurement(values, {name: single(curve) for name, curve in curves.items()}, ZERO)
    values |= {
        "exponent": slope(widths, sigma),
        "measured_ratio": float(sigma[-1] / sigma[0]),
        "rms_ratio": float(curves["rms"][-1] / curves["rms"][0]),
    }
    if has_quantiles:
        spectra = [spectrum_of(weight) for weight in weights]
        shapes = np.stack([shape(spectrum) for spectrum in spectra])
        values["shape_gap"] = float(np.ptp(shapes, axis=0).max())
        curves |= {"median_sigma": np.array([np.median(s.values) for s in spectra]), "shape": shapes.ravel()}
    return Measurement(values, {name: single(curve) for name, curve in curves.items()})


def widths_of(weights: Sequence[Weight]) -> Values:
    """The side of each that is the model's width: what it reads, or for attention output and MLP down what it writes.

    Where that is the same in all and the other side is not, the other; where neither is known, both together.
    """
    rows = np.array([float(weight.info.rows) for weight in weights])
    columns = np.array([float(weight.info.columns) for weight in weights])
    role = weights[0].info.role
    if role in MATRICES or role in VECTORS or role in ("head", "router"):
        first, second = (rows, columns) if role in WRITES else (columns, rows)
        return second if not np.ptp(first) and np.ptp(second) else first
    if np.ptp(rows) and np.ptp(columns):
        return np.asarray(np.sqrt(rows * columns))
    return rows if np.ptp(rows) else columns


def class_of(weights: Sequence[Weight]) -> str:
    """matrix, vector or head: by role, and by the sides that change where the role does not say."""
    role = weights[0].info.role
    if role == "head":
        return HEAD
    if role in MATRICES or role in VECTORS:
        return MATRIX if role in MATRICES else VECTOR
    is_fixed = [len({getattr(weight.info, side) for weight in weights}) == 1 for side in ("rows", "columns")]
    return VECTOR if any(is_fixed) and not all(is_fixed) else MATRIX


def slope(widths: Values, sigma: Values) -> float | None:
    """Of ln σ₁ against ln width, by least squares; None where there is one width."""
    x, y = np.log(widths), np.log(sigma)
    spread = float(np.square(x - x.mean()).sum())
    return float(((x - x.mean()) * y).sum()) / spread if spread > 1e-12 else None


def spectrum_of(weight: Weight) -> Spectrum:
    """All singular values of a weight as one matrix, a convolution's kernel side by side."""
    if len(weight.slices) == 1:
        return weight.spectrum
    with weight.name_errors():
        return decompose(weight.matrix[None])


def shape(spectrum: Spectrum) -> Float64[np.ndarray, " points"]:
    """σ/σ₁ at POINTS equal steps from the largest to the smallest, between neighbours in proportion."""
    descending = spectrum.values[::-1] / spectrum.largest
    places = np.linspace(0.0, len(descending) - 1.0, POINTS)
    return np.asarray(np.interp(places, np.arange(len(descending)), descending))


def _rms(weights: Sequence[Weight], found: Sequence[TopValue]) -> Values:
    pairs = zip(weights, found, strict=True)
    return np.array([math.sqrt(one.squared_norm / weight.slices.numel()) for weight, one in pairs])


def _stable_ranks(found: Sequence[TopValue]) -> Values:
    """0 where the weight is zero."""
    return np.array([one.squared_norm / one.value**2 if one.value > 0.0 else 0.0 for one in found])


TOP_SINGULAR_VALUE = Diagnostic(
    name="top_singular_value",
    title="Width scaling",
    scope=Scope.FAMILY,
    reference="Fan, Liu, Zhao, Yuan and Gu, arXiv 2510.15262",
    description=(
        "How the largest singular value scales over models of several widths: whether their settings transfer. Facts "
        "that it asks for: learning_rate, weight_decay, step, and width where the shapes do not tell it."
    ),
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    summary_curves=("widths", "sigma", "rms"),
    options=(QUANTILES,),
    figures=(
        Figure(
            "scaling",
            "Measured against the law",
            "σ₁ / √(η/λ) against the width, both axes logarithmic. One point for each block, a line fitted through "
            "them; the dashed line has the law's slope, 0.75.",
            Widths(x="widths", y="sigma", slope="exponent"),
        ),
        Figure(
            "drift",
            "σ₁ itself",
            "σ₁ against the width, both axes logarithmic. Where the fitted line is flat, as the dashed one is, "
            "settings transfer.",
            Widths(x="widths", y="sigma"),
        ),
        Figure(
            "growth",
            "Over the steps of one run",
            "Geometric means over all matrices, beside the first step. η / ‖W‖ is how far a step turns them.",
            Growth(y="sigma"),
        ),
        Figure(
            "exponent-by-depth",
            "Exponent of the width by depth",
            "Slope of ln σ₁ against ln d of each weight by itself. Each line is one role; at 0 settings transfer.",
            ByDepth(y="exponent"),
        ),
        Figure(
            "ratio-by-role",
            "σ₁ of the last model over the first by block and role",
            "Each cell is one weight: 1 where σ₁ stayed the same.",
            Heatmap(color="measured_ratio"),
        ),
    ),
    caveat="The exponent 0.75 is empirical, and of AdamW in its steady state, steps · η · λ of 2 or more. Other "
    "optimizers are not compared with it (docs/scaling.md).",
)
