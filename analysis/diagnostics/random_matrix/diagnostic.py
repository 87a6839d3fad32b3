"""Each weight against noise: the random bulk of its spectrum, the spikes beyond it, and what survives shuffling.

Martin and Mahoney (JMLR 22, 2021, sections 3 to 5): a fresh layer has a Marchenko-Pastur bulk, training pulls spikes
out of it, and in well-trained layers no bulk is left. Then there is none to fit, and this diagnostic says so; how many
eigenvalues are larger than those of the same entries shuffled can always be said.
"""

import math
from collections.abc import Sequence

import numpy as np

from analysis.diagnostic import Column, Curve, Diagnostic, Measurement, Option, Options, Scalar, Scope
from analysis.diagnostics.options import CONV_NORM, conv_factor, single
from analysis.diagnostics.random_matrix.summary import summarise, why_no_bulk
from analysis.diagnostics.random_matrix.traps import against_noise
from analysis.figure import ByDepth, Density, Figure, Heatmap
from analysis.findings.wording import quantity
from analysis.runtime.shapes import Float64
from analysis.statistics import marchenko_pastur
from analysis.statistics.marchenko_pastur import Bulk
from analysis.weight import Weight

FEWEST = 8  # eigenvalues below which no bulk is looked for (WeightWatcher's min_evals)
CURVE_POINTS = 200

NO_BULK = "no bulk fits, fewer than eight eigenvalues, or all are zero"
NO_SHUFFLE = "fewer than eight eigenvalues, or all entries are equal"

COMPAT = Option(
    "compat",
    "none",
    "weightwatcher: fit the bulk as WeightWatcher does, which always finds one, and shuffle without taking the mean of "
    "the entries off. none: the robust fit, which also says when no bulk fits.",
    choices=("none", "weightwatcher"),
)
REPLICAS = Option(
    "replicas",
    5,
    "How many times the entries are shuffled; 0 leaves the shuffling out. Weights of many millions of entries are "
    "shuffled twice at least and less often than asked.",
    minimum=0.0,
    maximum=100.0,
)

COLUMNS = (
    Column(
        "num_spikes",
        "Spikes",
        "Eigenvalues above the cut of the fitted noise bulk. 0: nothing but noise; more: what was learned stands out "
        "of the noise (Martin and Mahoney 2021, section 5).",
        kind="integer",
        absent=NO_BULK,
        usual_words="1 or more, once trained.",
    ),
    Column(
        "sigma_mp",
        "σ noise",
        "Standard deviation of the noise where the root mean square of all entries is 1; its square is the share of "
        "‖W‖² that noise holds. Near 1 the weight is noise, low means that spikes carry it.",
        absent=NO_BULK,
    ),
    Column(
        "mp_softrank",
        "Soft rank",
        "Upper edge of the bulk over the largest eigenvalue (Martin and Mahoney 2021, section 3.3). Near 1: no spike; "
        "near 0: spikes far above the noise.",
        absent=NO_BULK,
    ),
    Column(
        "bulk_max",
        "Bulk to λ",
        "Upper edge of the fitted bulk, as an eigenvalue. High means strong noise.",
        absent=NO_BULK,
        scaled=True,
    ),
    Column(
        "bulk_min",
        "Bulk from λ",
        "Lower edge of the fitted bulk, as an eigenvalue: 0 for square matrices, larger the longer the matrix.",
        absent=NO_BULK,
        scaled=True,
    ),
    Column(
        "spike_cut",
        "Spikes from λ",
        "Above it an eigenvalue is a spike: the largest of noise is above it once in a thousand matrices (Tracy and "
        "Widom 1996).",
        absent=NO_BULK,
        scaled=True,
    ),
    Column(
        "bulk_D",
        "Bulk gap D",
        "Largest gap between the distribution of the eigenvalues that are no spikes and the fitted law, 0 to 1; given "
        "where no bulk fits too. Low: a bulk of noise. Above 0.05 this is no such bulk.",
        absent="fewer than eight eigenvalues, all are zero, or WeightWatcher's fit admits no σ",
    ),
    Column(
        "bulk_fits",
        "Has a bulk",
        "True where three quarters of the eigenvalues lie in a bulk that fits to 0.05. False is usual for well-trained "
        "layers, true for fresh ones and for spikes above noise.",
        kind="flag",
        absent="fewer than eight eigenvalues, all are zero, or WeightWatcher's fit admits no σ",
    ),
    Column(
        "W_scale",
        "Scale",
        "Factor on the entries that makes the mean eigenvalue 1, WeightWatcher's W_scale. High for small weights.",
        absent="fewer than eight eigenvalues, or all are zero",
        scaled=True,
    ),
    Column(
        "num_above_random",
        "Above random",
        "Eigenvalues larger than any that the same entries in random order would have, bar once in a thousand. 0: as "
        "noise; more: structure. It needs no bulk, and no shuffling either.",
        kind="integer",
        absent=NO_SHUFFLE,
        usual_words="1 or more, once trained.",
    ),
    Column(
        "rand_bulk_max",
        "Random edge",
        "Upper edge of the spectrum of the shuffled weight, by the law from the variance of its entries (with compat, "
        "as WeightWatcher fits it). High means large weights.",
        absent=NO_SHUFFLE,
        scaled=True,
    ),
    Column(
        "num_traps",
        "Correlation traps",
        "Eigenvalues of the shuffled weight above its own noise, mean over the shuffles: a few abnormally large "
        "entries cause them. 0 is usual; more suggests too large a learning rate (correlation traps).",
        absent=f"{NO_SHUFFLE}, or shuffling is left out",
        usual=(0.0, 0.5),
        error="num_traps_sd",
        caveat="The papers on traps are about small MLPs; there is no evidence on language models (docs/evidence.md).",
    ),
    Column(
        "num_traps_sd",
        "± correlation traps",
        "Standard deviation of the traps over the shuffles. High means that they hang on where large entries fall.",
        absent=f"{NO_SHUFFLE}, or less than two shuffles",
    ),
    Column(
        "max_rand_eval",
        "λ₁ shuffled",
        "Largest eigenvalue of the shuffled weight, mean over the shuffles. Above the random edge: traps.",
        absent=f"{NO_SHUFFLE}, or shuffling is left out",
        error="max_rand_eval_sd",
        scaled=True,
    ),
    Column(
        "max_rand_eval_sd",
        "± λ₁ shuffled",
        "Standard deviation of the largest eigenvalue over the shuffles. High where single entries rule.",
        absent=f"{NO_SHUFFLE}, or less than two shuffles",
        scaled=True,
    ),
    Column(
        "rand_distance",
        "Distance to random",
        "Jensen-Shannon distance of the spectrum and that of the shuffled weight, 0 to 0.83. Near 0: as noise; high: "
        "far from it (WeightWatcher's rand_distance).",
        absent=f"{NO_SHUFFLE}, or shuffling is left out",
    ),
    Column(
        "ww_softrank",
        "Shuffled soft rank",
        "Largest eigenvalue of the shuffled weight over that of the weight. Near 1: as noise; low: far above noise.",
        absent=f"{NO_SHUFFLE}, or shuffling is left out",
    ),
    Column(
        "ww_maxdist",
        "λ₁ above random",
        "Largest eigenvalue less that of the shuffled weight. High: far above noise; near 0: as noise.",
        absent=f"{NO_SHUFFLE}, or shuffling is left out",
        scaled=True,
    ),
    Column(
        "rand_sigma_mp",
        "σ shuffled",
        "sigma_mp of the shuffled weight. Near 1, as noise has; below, a few large entries hold the rest.",
        absent=f"{NO_SHUFFLE}, no bulk fits, or shuffling is left out",
    ),
    Column(
        "replicas",
        "Shuffles",
        "How often the entries were shuffled. Few make the spread of the traps uncertain, more make it firm.",
        kind="integer",
    ),
    Column(
        "eigenvalues", "Eigenvalue λ", "All eigenvalues of the weight, from the lowest to the highest.", kind="curve"
    ),
    Column(
        "bulk_x",
        "Eigenvalue λ",
        "Eigenvalues from the lower to the upper edge of the fitted bulk, where its density is known.",
        kind="curve",
        absent=NO_BULK,
    ),
    Column(
        "bulk_density",
        "Density of the bulk",
        "Density of the fitted bulk at bulk_x, times the share of eigenvalues inside: below the histogram's area by "
        "the share of spikes.",
        kind="curve",
        absent=NO_BULK,
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    factor = conv_factor(weight, options)
    eigenvalues = weight.spectrum.eigenvalues * factor
    curves = {"eigenvalues": single(eigenvalues)}
    if len(eigenvalues) < FEWEST or eigenvalues[-1] == 0.0:
        shortage = f"{quantity(len(eigenvalues), 'eigenvalue')}; a bulk needs {FEWEST}"
        return Measurement({"replicas": 0}, curves, shortage if len(eigenvalues) < FEWEST else "the matrix is zero")
    compatible = options.text("compat") == "weightwatcher"
    noise = against_noise(weight, eigenvalues, factor, compatible, options.integer("replicas"))
    values = {"W_scale": _scale(eigenvalues), **noise}
    bulk = marchenko_pastur.fit(eigenvalues, weight.info.rows, weight.info.columns, compatible)
    if bulk is None:
        return Measurement(values, curves, "WeightWatcher's fit admits no σ here: most eigenvalues are near 0")
    values |= {"bulk_D": bulk.distance, "bulk_fits": bulk.fits}
    if not bulk.fits and not compatible:
        return Measurement(values, curves, why_no_bulk(bulk))
    return Measurement(values | columns_of(bulk, eigenvalues), curves | curves_of(bulk))


def _scale(eigenvalues: Float64[np.ndarray, " k"]) -> float:
    """What brings the mean eigenvalue to 1, by way of shares of the largest: their sum may leave float64."""
    largest = float(eigenvalues[-1])
    return 1.0 / math.sqrt(largest) / math.sqrt(float(np.mean(eigenvalues / largest)))


def columns_of(bulk: Bulk, eigenvalues: Float64[np.ndarray, " k"]) -> dict[str, Scalar]:
    low, high = bulk.law.edges
    return {
        "num_spikes": bulk.spikes,
        "sigma_mp": bulk.sigma,
        "mp_softrank": high / float(eigenvalues[-1]),
        "bulk_min": low,
        "bulk_max": high,
        "spike_cut": bulk.cut,
    }


def curves_of(bulk: Bulk) -> dict[str, Curve]:
    """The density of the bulk on points that are dense where it is steep: at the edges."""
    low, high = bulk.law.edges
    x = low + (high - low) * (1.0 - np.cos(np.linspace(0.0, math.pi, CURVE_POINTS))) / 2.0
    share = bulk.inside / (bulk.inside + bulk.spikes)
    return {"bulk_x": single(x), "bulk_density": single(share * bulk.law.density(x))}


RANDOM_MATRIX = Diagnostic(
    name="random_matrix",
    title="Against noise",
    scope=Scope.ONE,
    named=True,
    reference="Martin and Mahoney, JMLR 22, 2021, sections 3 to 5; Marchenko and Pastur 1967; Tracy and Widom 1996",
    description="How much of each weight's spectrum noise explains: its bulk, the spikes beyond, and shuffled copies.",
    columns=COLUMNS,
    compute=compute,
    tail=True,
    summarise=summarise,
    copies=1,  # shuffled
    options=(COMPAT, REPLICAS, CONV_NORM),
    figures=(
        Figure(
            "bulk",
            "Spectrum and noise bulk",
            "Density of the eigenvalues. Dashed: the noise bulk, where one fits. Darker: spikes, beyond its edge.",
            Density(values="eigenvalues", curve_x="bulk_x", curve_y="bulk_density", cut="spike_cut"),
        ),
        Figure(
            "above-random-by-depth",
            "Eigenvalues above random",
            "How many eigenvalues the same entries in random order would not have. 0 is noise.",
            ByDepth(y="num_above_random"),
        ),
        Figure(
            "distance-by-role",
            "Distance to random",
            "Each cell is one matrix: how far its spectrum is from that of its shuffled entries.",
            Heatmap(color="rand_distance"),
        ),
    ),
    caveat="The law is about independent entries. An orthogonal initialisation has no bulk of noise, and so looks "
    "like structure (docs/evidence.md).",
)
