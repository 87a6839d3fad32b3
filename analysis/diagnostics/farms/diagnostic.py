"""The exponent of each weight seen through windows of one aspect ratio, and how much of the raw exponent is shape.

The longer a matrix, the narrower the spectrum even of noise, and the higher its exponent: Gaussian matrices of aspect
1, 2 and 4 have Hill exponents of 2.1, 2.7 and 3.4. Layers of different shapes can be ranked by their exponents only
when that is taken out (FARMS, Hu et al., ICML 2025, arXiv 2506.06280).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from analysis.diagnostic import Column, Curve, Diagnostic, Measurement, Option, Options, Scalar, Scope
from analysis.diagnostics.farms import windows
from analysis.diagnostics.farms.exponents import FITS, Exponent, Fit, fit_of
from analysis.diagnostics.farms.summary import summarise
from analysis.diagnostics.farms.windows import Windows
from analysis.diagnostics.options import single
from analysis.figure import ByDepth, Figure, Heatmap, Line, Scatter
from analysis.linalg import rounding
from analysis.runtime.shapes import Float64
from analysis.statistics import power_law
from analysis.weight import Weight

SWEEP = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)  # aspects; the authors try 0.5 to 1.5, and 1/q is q seen from the other side

NO_FIT = "the windows hold fewer than eight eigenvalues, half of them zero, or ones that are equal up to rounding"


@dataclass(frozen=True, slots=True)
class Preset:
    """The settings of one of the authors' experiments; 0 stands for what suits the matrix."""

    side: int
    aspect: float
    per_side: int
    fit: str
    blocks: bool = False  # convolutions: fit each square block of all slices, then take the mean


PRESETS: Mapping[str, Preset] = {
    "auto": Preset(0, 1.0, 0, "hill"),
    "llm-pruning": Preset(2000, 1.0, 15, "peak-coded"),  # LLaMA-13B, and Wanda on 7B: paper, appendix on settings
    "llm-pruning-10": Preset(2000, 1.0, 10, "peak-coded"),  # SparseGPT and magnitude on 7B
    "image-classification": Preset(100, 1.0, 9, "hill", blocks=True),  # ResNet and VGG on CIFAR-100
}

OPTIONS = (
    Option(
        "preset",
        "auto",
        "auto: square windows as large as the short side, up to 1024, at most sixteen, all pooled. The others are the "
        "authors' settings for pruning language models (15 or 10 windows a side of 2000) and for image classification.",
        choices=tuple(PRESETS),
    ),
    Option(
        "side",
        0,
        "Short side of a window, at most that of the matrix; 0: as the preset says.",
        minimum=0.0,
        maximum=65536.0,
    ),
    Option(
        "aspect",
        0.0,
        "Long side of a window over its short side; 0: as the preset says, which is 1 in all of them.",
        minimum=0.0,
        maximum=64.0,
    ),
    Option("per_side", 0, "Windows along each side at most; 0: as the preset says.", minimum=0.0, maximum=64.0),
    Option(
        "fit",
        "preset",
        "hill: upper half of the eigenvalues. ks: search for the start of the tail. peak: search near the densest "
        "place; peak-coded: with the lower end as the authors coded it, which is none. preset: as the preset says.",
        choices=("preset", *FITS),
    ),
    Option("sweep", False, "Also give the exponent for windows of aspect 1 to 4: how firm is the choice of 1?"),
)

COLUMNS = (
    Column(
        "alpha_farms",
        "α FARMS",
        "Exponent of the pooled eigenvalues of equal windows. Low means heavy tails and strong correlations, high thin "
        "ones; unlike the raw exponent it compares layers of different shapes.",
        absent=NO_FIT,
        error="windows_sd",
    ),
    Column(
        "windows_sd",
        "± windows",
        "Standard deviation of the exponents of single windows. High: parts of the matrix differ, or are small.",
        absent="one window only, or windows without a fit",
    ),
    Column(
        "alpha_raw",
        "α raw",
        "Exponent of the whole spectrum by the same fit. Higher for longer matrices, whatever they have learned.",
        absent="fewer than eight eigenvalues, half of them zero, or ones that are equal up to rounding",
    ),
    Column(
        "aspect_bias",
        "Shape bias",
        "α raw less α FARMS: what the shape of the matrix adds. 0 for square matrices seen whole; the larger, the less "
        "the raw exponent says.",
        absent="one of the two exponents is missing",
    ),
    Column(
        "aspect",
        "Aspect",
        "Long side over short side of the matrix (of a kernel slice), 1 or more. High means a strong shape bias.",
    ),
    Column(
        "D",
        "KS distance D",
        "Largest gap between the distribution of the pooled tail and the fitted law, 0 to 1. Low: the tail is a power "
        "law; with hill, which does not look for the start of the tail, above 0.1 is usual.",
        absent=NO_FIT,
    ),
    Column("window_long", "Window, long", "Long side of the windows. More rows see more of the layer.", kind="integer"),
    Column(
        "window_short",
        "Window, short",
        "Short side of the windows. Fewer columns make each exponent weaker.",
        kind="integer",
    ),
    Column("window_aspect", "Aspect of windows", "Long side over short side of the windows. Near 1 by default."),
    Column(
        "num_windows", "Windows", "How many windows were cut, of all slices. More make α FARMS firmer.", kind="integer"
    ),
    Column(
        "num_evals",
        "Eigenvalues",
        "Eigenvalues of all windows together. Below 100 the exponent is weak; windows overlap, so more are not as firm "
        "as their number.",
        kind="integer",
        usual_words="100 or more.",
    ),
    Column("fit", "Fit", "How the exponents were fitted: hill, ks, peak or peak-coded.", kind="text"),
    Column("sweep_aspect", "Aspect of windows", "Aspects of the windows of the sweep, low to high.", kind="curve"),
    Column("sweep_alpha", "α FARMS", "Exponent for each aspect of the sweep; it grows with the aspect.", kind="curve"),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    eigenvalues = weight.spectrum.eigenvalues  # raises where the weight is not finite
    preset = settings(options)
    cut = layout(weight, preset)
    spectra = windows.spectra(weight, cut)  # (s, w, k)
    fit = fit_of(preset.fit, rounding.flat(weight.numbers))
    farms = exponent(spectra, fit, preset.blocks and weight.info.slices > 1)
    raw = fit(eigenvalues)
    values = {
        **shape(weight, cut, spectra),
        "fit": preset.fit,
        "alpha_farms": farms.alpha if farms else None,
        "D": farms.D if farms else None,
        "windows_sd": spread(spectra, fit),
        "alpha_raw": raw.alpha if raw else None,
        "aspect_bias": raw.alpha - farms.alpha if raw and farms else None,
    }
    curves = sweep(weight, preset, fit) if options.flag("sweep") else {}
    return Measurement(values, curves, None if farms else NO_FIT)


def settings(options: Options) -> Preset:
    """The preset asked for, with what else is asked in place of its own."""
    preset = PRESETS[options.text("preset")]
    return Preset(
        side=options.integer("side") or preset.side,
        aspect=_fold(options.number("aspect") or preset.aspect),
        per_side=options.integer("per_side") or preset.per_side,
        fit=preset.fit if options.text("fit") == "preset" else options.text("fit"),
        blocks=preset.blocks,
    )


def _fold(aspect: float) -> float:
    """Long over short, however it is given."""
    return max(aspect, 1.0 / aspect)


def layout(weight: Weight, preset: Preset) -> Windows:
    """The windows of a weight by these settings."""
    rows, columns = weight.info.rows, weight.info.columns
    if preset.blocks and weight.info.slices > 1:
        return windows.blocks(rows, columns)
    if preset.per_side:
        return windows.sample_windows(rows, columns, preset.side or windows.LARGEST, preset.aspect, preset.per_side)
    return windows.covering(rows, columns, preset.side or windows.LARGEST, preset.aspect)


def exponent(found: Float64[np.ndarray, "s w k"], fit: Fit, by_block: bool) -> Exponent | None:
    """Of all windows pooled; or the mean over windows, each pooled over the slices, as the authors treat kernels."""
    if not by_block:
        return fit(np.sort(found, axis=None))
    estimates = [one for one in (fit(np.sort(block, axis=None)) for block in found.swapaxes(0, 1)) if one is not None]
    if not estimates:
        return None
    return Exponent(fmean(one.alpha for one in estimates), fmean(one.D for one in estimates))


def spread(found: Float64[np.ndarray, "s w k"], fit: Fit) -> float | None:
    """The standard deviation of the exponents of single windows."""
    alphas = [one.alpha for one in map(fit, found.reshape(-1, found.shape[2])) if one is not None]
    return stdev(alphas) if len(alphas) > 1 else None


def shape(weight: Weight, cut: Windows, found: Float64[np.ndarray, "s w k"]) -> dict[str, Scalar]:
    small, large = sorted((weight.info.rows, weight.info.columns))
    return {
        "aspect": large / small,
        "window_long": cut.long,
        "window_short": cut.short,
        "window_aspect": cut.long / cut.short,
        "num_windows": cut.count * weight.info.slices,
        "num_evals": found.size,
    }


def sweep(weight: Weight, preset: Preset, fit: Fit) -> dict[str, Curve]:
    """The exponent by the aspect of the windows, as far as the windows stay longer than eight."""
    side = min(weight.info.rows, weight.info.columns, preset.side or windows.LARGEST)
    small, large = sorted((weight.info.rows, weight.info.columns))
    points = []
    for aspect in SWEEP:
        cut = windows.covering(small, large, side, aspect)
        estimate = (
            exponent(windows.spectra(weight, cut), fit, by_block=False) if cut.short >= power_law.SMALLEST else None
        )
        if estimate is not None:
            points.append((cut.long / cut.short, estimate.alpha))
    aspects, alphas = np.array(points).reshape(-1, 2).T
    return {"sweep_aspect": single(aspects), "sweep_alpha": single(alphas)}


FARMS = Diagnostic(
    name="farms",
    title="Tails at one aspect ratio",
    scope=Scope.ONE,
    reference="Hu et al., ICML 2025, arXiv 2506.06280, section 3; Zhou et al., NeurIPS 2023 (Hill's exponent)",
    description="The exponent of each weight through windows of one aspect ratio, and what its shape adds to it.",
    columns=COLUMNS,
    compute=compute,
    tail=True,
    summarise=summarise,
    options=OPTIONS,
    figures=(
        Figure(
            "alpha-by-depth",
            "α FARMS by depth",
            "Each line is one role. Bars are ± one standard deviation of single windows. Shapes are taken out.",
            ByDepth(y="alpha_farms", error="windows_sd"),
        ),
        Figure(
            "shape-bias",
            "Shape bias",
            "Each mark is one matrix. Far above the line, the raw exponent is that high for its shape; near it, the "
            "shape adds nothing. Bars are ± one standard deviation of single windows.",
            Scatter(x="alpha_farms", y="alpha_raw", error="windows_sd"),
        ),
        Figure(
            "raw-by-depth",
            "α raw by depth",
            "The same fit to the whole spectra: what is higher here than in α FARMS comes from the shape.",
            ByDepth(y="alpha_raw"),
        ),
        Figure(
            "bias-by-role",
            "Shape bias by block and role",
            "Each cell is one matrix: how much its aspect ratio adds to its raw exponent.",
            Heatmap(color="aspect_bias"),
        ),
        Figure(
            "sweep",
            "How firm is the choice of aspect?",
            "α FARMS by the aspect of the windows, with the option sweep. Layers with like curves keep their order.",
            Line(x="sweep_aspect", y="sweep_alpha", x0="window_aspect", y0="alpha_farms"),
        ),
    ),
    caveat="The estimators called alpha differ in level: the range 2 to 6 is not that of this one. Compare values "
    "of equal settings (docs/evidence.md).",
)
