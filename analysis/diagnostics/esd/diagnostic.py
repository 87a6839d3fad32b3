"""The empirical spectral density of each weight, and the power law of its tail: heavy tails are what training leaves.

Martin and Mahoney (JMLR 22, 2021; Nature Communications 12, 2021): α between 2 and 6 is typical of well-trained layers.
What that does and does not say of a layer is on docs/evidence.md.
"""

from collections.abc import Sequence

import numpy as np

from analysis.diagnostic import Column, Diagnostic, Measurement, Option, Options, Scalar, Scope
from analysis.diagnostics.esd.summary import OVER, UNDER, is_readable, summarise, verdict
from analysis.diagnostics.options import ALPHA_ERROR, COMPAT, CONV_NORM, SIGMA, conv_factor, flatness, single
from analysis.figure import ByDepth, Density, Figure, Heatmap, Line
from analysis.runtime.shapes import Float64
from analysis.statistics import fingers, power_law
from analysis.statistics.fit_range import FEW, NO_FIT, THIN, no_fit, reason_not_to_fit, usable_eigenvalues
from analysis.statistics.measures import log10, log_power_sum
from analysis.statistics.power_law import PowerLaw
from analysis.weight import Weight

CURVE_POINTS = 200

FIX_FINGERS = Option(
    "fix_fingers",
    "none",
    "What to do about a few eigenvalues far above the others. clip_xmax: leave the largest out until α falls by 1, as "
    "WeightWatcher does. xmin_peak: let the tail start near the densest place only; xmin_peak_coded: with the lower "
    "end of that as published code has it, which is none.",
    choices=("none", "clip_xmax", "xmin_peak", "xmin_peak_coded"),
)
LEAVE_OUT = Option(
    "leave_out",
    0,
    "How many of the largest eigenvalues the fit leaves out; WeightWatcher's xmax=-1 is 1.",
    minimum=0.0,
    maximum=10_000.0,
)
MIN_EVALS = Option(
    "min_evals",
    power_law.SMALLEST,
    "Fewest eigenvalues that are fitted (WeightWatcher's min_evals).",
    minimum=float(power_law.SMALLEST),
    maximum=1e9,
)
MAX_EVALS = Option(
    "max_evals",
    0,
    "Most eigenvalues that are fitted; 0: any number. WeightWatcher leaves out matrices with more than 15000.",
    minimum=0.0,
    maximum=1e9,
)

COLUMNS = (
    Column(
        "alpha",
        "α",
        "Exponent of the power law fitted to the tail of the eigenvalues, from the start with the least distance (KS). "
        "2 to 6: where most trained layers lie (Martin and Mahoney 2021). Above 6: a thin tail, as noise and long "
        "matrices have; below 2: a heavy one. Compare within one role, shape and recipe; see docs/evidence.md.",
        absent=NO_FIT,
        usual=(OVER, UNDER),
        usual_in="in published well-trained models (KS)",
        judges=is_readable,
        error="alpha_error",
        shown=True,
    ),
    ALPHA_ERROR,
    SIGMA,
    Column(
        "D",
        "KS distance D",
        "Largest gap between the tail's distribution and the fitted law (Kolmogorov-Smirnov), 0 to 1. Low: the tail is "
        "a power law; above about 0.1 another shape may fit better.",
        absent=NO_FIT,
        shown=True,
    ),
    Column(
        "xmin",
        "xmin",
        "Eigenvalue where the fitted tail starts: the start with the least D. High means that only the largest few "
        "follow the law; low, that nearly all do.",
        absent=NO_FIT,
        scaled=True,
    ),
    Column(
        "xmax",
        "xmax",
        "Largest eigenvalue of the fit, where the tail ends. High means strong amplification. No upper cut is made.",
        absent=NO_FIT,
        scaled=True,
    ),
    Column(
        "num_evals",
        "Eigenvalues",
        "How many eigenvalues: the smaller side, times the slices of a convolution. Below 50 every fit is weak; many "
        "make it firm.",
        kind="integer",
    ),
    Column(
        "num_pl_spikes",
        "Eigenvalues in the tail",
        "Eigenvalues in the fitted tail. Below 20 α is a hint; high counts make it firm.",
        kind="integer",
        absent=NO_FIT,
        shown=True,
    ),
    Column(
        "lambda_max",
        "λ₁",
        "Largest eigenvalue, the spectral norm squared. High means that one direction is amplified strongly.",
        scaled=True,
    ),
    Column(
        "alpha_hill",
        "α Hill",
        "Hill's exponent of the upper half of the eigenvalues: no search, so it is steadier than α, but it depends on "
        "the shape of the matrix. Low means heavy tails, high thin ones (Zhou et al. 2023, TempBalance).",
        absent="fewer than eight eigenvalues, half of them zero, or the upper half all equal",
    ),
    Column(
        "alpha_weighted",
        "α̂",
        "α · log₁₀ λ₁: tail and scale in one, WeightWatcher's α-hat. Lower was better across models of one "
        "architecture; negative where λ₁ is below 1, and then its order turns round.",
        absent=NO_FIT,
        scaled=True,
    ),
    Column(
        "log_alpha_norm",
        "log Σλ^α",
        "Base-10 logarithm of the sum of λ^α, the α-norm. Lower was better across models of one architecture; high "
        "means large and thin-tailed.",
        absent=NO_FIT,
        scaled=True,
    ),
    Column(
        "small_n",
        "Very few",
        "True where fewer than 20 eigenvalues were fitted: α is corrected for bias then, and still uncertain. High "
        "uncertainty when true, nothing to note when false.",
        kind="flag",
        absent=NO_FIT,
    ),
    Column(
        "low_confidence",
        "Low-confidence fit",
        "True where the tail has fewer than 20 points or the fit fewer than 50 eigenvalues: high or low, α is a hint.",
        kind="flag",
        absent=NO_FIT,
    ),
    Column(
        "warning",
        "WeightWatcher's warning",
        "WeightWatcher's word: under-trained where α is high (above 6), over-trained where it is low (below 2), empty "
        "between. Kept for comparison: it is no verdict of ours (docs/evidence.md).",
        kind="text",
        absent=NO_FIT,
    ),
    Column(
        "kernel",
        "Kernel",
        "How the eigenvalues were found: gram or svd (where the matrix is close to losing rank). Both are float64; "
        "neither high nor low, it says how the smallest values were had.",
        kind="text",
    ),
    Column(
        "num_fingers",
        "Fingers",
        "Largest eigenvalues that the option clip_xmax left out, less one, as WeightWatcher counts them. 0: none; "
        "more: the raw α hung on them.",
        kind="integer",
        absent=f"{NO_FIT}, or fix_fingers is not clip_xmax",
    ),
    Column(
        "raw_alpha",
        "α with fingers",
        "Exponent before any was left out. Far above α: a few eigenvalues alone made it so high.",
        absent=f"{NO_FIT}, or fix_fingers is not clip_xmax",
    ),
    Column("eigenvalues", "λ", "All eigenvalues λ = σ², ascending; high ones are the tail.", kind="curve"),
    Column("candidate_xmin", "λ", "Possible starts of the tail, low to high.", kind="curve"),
    Column("candidate_D", "D", "KS distance of each possible start; low is a good fit, high a bad one.", kind="curve"),
    Column("candidate_alpha", "α", "Exponent from each possible start; level, high or low, where firm.", kind="curve"),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    eigenvalues = weight.spectrum.eigenvalues * conv_factor(weight, options)
    if weight.info.unfit:
        facts: dict[str, Scalar] = {"num_evals": eigenvalues.size, "lambda_max": float(eigenvalues[-1]),
                                    "kernel": weight.spectrum.kernel}  # fmt: skip
        return Measurement(facts, {"eigenvalues": single(eigenvalues)}, weight.info.unfit)
    fit_values = usable_eigenvalues(eigenvalues, options.text("compat") == "weightwatcher")
    flat = flatness(weight, options)
    num_cut = min(fit_values.size, options.integer("leave_out"))
    compatible = options.text("compat") == "weightwatcher" and eigenvalues.size >= power_law.SMALLEST
    min_tail = power_law.SMALLEST_COMPATIBLE if compatible else power_law.SMALLEST
    tail, law, clipping = fit(fit_values[: fit_values.size - num_cut], options, flat, min_tail)
    values: dict[str, Scalar] = {
        "num_evals": eigenvalues.size,
        "lambda_max": float(eigenvalues[-1]),
        "alpha_hill": power_law.hill(eigenvalues, flat),
        "kernel": weight.spectrum.kernel,
    }
    curves = {"eigenvalues": single(eigenvalues)}
    exclusion = reason_not_to_fit(eigenvalues.size, options.integer("min_evals"), options.integer("max_evals"))
    if law is None or exclusion:
        return Measurement(values, curves, exclusion or no_fit(eigenvalues, tail, num_cut))
    starts = power_law.curve(tail, law, CURVE_POINTS, flat)
    curves |= {
        "candidate_xmin": single(starts.xmin),
        "candidate_D": single(starts.D),
        "candidate_alpha": single(starts.alpha),
    }
    return Measurement(values | fit_columns(law, eigenvalues, tail.size) | clipping, curves)


Tail = tuple[Float64[np.ndarray, " p"], PowerLaw | None, dict[str, Scalar]]


def fit(seen: Float64[np.ndarray, " k"], options: Options, flat: float, least: int = power_law.SMALLEST) -> Tail:
    """What was fitted of the eigenvalues, its power law, and what clipping them found; `flat` as in power_law."""
    match options.text("fix_fingers"):
        case "none":
            return seen, power_law.fit(seen, flat, least), {}
        case "clip_xmax":
            clip = fingers.clip_fingers(seen, flat=flat)
            if clip is None:
                return seen, None, {}
            rest = seen[: seen.size - clip.fingers - 1] if clip.fingers else seen
            return rest, clip.law, {"num_fingers": clip.fingers, "raw_alpha": clip.raw.alpha}
        case how:
            return seen, fingers.fit_peak(seen, as_coded=how == "xmin_peak_coded", flat=flat), {}


def fit_columns(law: PowerLaw, eigenvalues: Float64[np.ndarray, " k"], size: int) -> dict[str, Scalar]:
    """The columns that hang on a fit to `size` of the eigenvalues."""
    log_max = log10(float(eigenvalues[-1]))
    return {
        "alpha": law.alpha,
        "alpha_error": law.error,
        "sigma": law.sigma,
        "D": law.D,
        "xmin": law.xmin,
        "xmax": law.xmax,
        "num_pl_spikes": law.tail,
        "alpha_weighted": None if log_max is None else law.alpha * log_max,
        "log_alpha_norm": log_power_sum(eigenvalues, law.alpha),
        "small_n": size < power_law.SMALL_N,
        "low_confidence": law.tail < THIN or size < FEW,
        "warning": verdict(law.alpha),
    }


ESD = Diagnostic(
    name="esd",
    title="Eigenvalue spectrum",
    scope=Scope.ONE,
    default=True,
    reference="Martin and Mahoney, JMLR 22, 2021, section 3; Clauset, Shalizi and Newman, SIAM Review 51, 2009",
    description="The density of each weight's eigenvalues and the power law of its tail.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    options=(COMPAT, FIX_FINGERS, LEAVE_OUT, MIN_EVALS, MAX_EVALS, CONV_NORM),
    figures=(
        Figure(
            "density",
            "Eigenvalue spectrum",
            "Density of the eigenvalues on log-log axes. A straight tail is a power law; its slope is -α.",
            Density(values="eigenvalues", xmin="xmin", alpha="alpha"),
        ),
        Figure(
            "cutoff",
            "xmin sensitivity",
            "KS distance D for every possible start xmin of the tail. A deep single valley means a firm α; a flat "
            "floor means that other values of xmin would do as well.",
            Line(x="candidate_xmin", y="candidate_D", x0="xmin", y0="D"),
        ),
        Figure(
            "alpha-by-depth",
            "α by depth",
            "Each line is one role. Bars are ± 1.3 σ, the standard error with the search for the start of the tail. "
            "Hollow marks: low-confidence fit.",
            ByDepth(y="alpha", error="alpha_error", hollow="low_confidence"),
        ),
        Figure(
            "alpha-by-role",
            "α by block and role",
            "Each cell is one matrix. 2 to 6 in published well-trained models (KS); marks only where the fit is firm.",
            Heatmap(color="alpha"),
        ),
    ),
)
