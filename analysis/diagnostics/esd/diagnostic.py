"""The empirical spectral density of each weight, and the power law of its tail: heavy tails are what training leaves.

Martin and Mahoney (JMLR 22, 2021; Nature Communications 12, 2021): α between 2 and 6 is typical of well-trained layers.
What that does and does not say of a layer is on docs/evidence.md.
"""

from collections.abc import Sequence

import numpy as np

from analysis.diagnostic import Diagnostic, Measurement, Option, Options, Scalar, Scope
from analysis.diagnostics.esd.columns import COLUMNS
from analysis.diagnostics.esd.summary import summarise, verdict
from analysis.diagnostics.options import COMPAT, CONV_NORM, conv_factor, flatness, single
from analysis.figure import ByDepth, Density, Figure, Heatmap, Line
from analysis.runtime.shapes import Float64
from analysis.statistics import fingers, power_law
from analysis.statistics.fit_range import FEW, THIN, no_fit, reason_not_to_fit, usable_eigenvalues
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
    caveat="α does not predict quality: it follows shape, role, batch size and weight decay, and noise has an α "
    "too. Compare within one role, shape and recipe (docs/evidence.md).",
)
