"""How much of each weight is above noise: Spectrum's signal-to-noise ratio as published, and with the edge of the law.

Spectrum (Hartford et al., arXiv 2406.06623) trains the half of each kind of layer with the highest ratio. Its threshold
takes the spread of the singular values for that of the entries, and its ratio is divided by σ₁, so that it hangs on the
scale of the weight; the second ratio avoids both.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

import numpy as np

from analysis.diagnostic import (
    Column,
    Diagnostic,
    Finding,
    Measurement,
    Options,
    Row,
    Scalar,
    Scope,
    Severity,
    Summary,
    Table,
)
from analysis.figure import ByDepth, Figure, Heatmap
from analysis.findings.causes import RANDOM, READING
from analysis.findings.subjects import (
    evidence,
    group_alike,
    names,
    number,
    subject,
    tell_unjudged,
    unmeasured_findings,
    worst_first,
)
from analysis.findings.wording import percent, quantity
from analysis.runtime.shapes import Float64
from analysis.statistics import marchenko_pastur
from analysis.statistics.shuffling import entries
from analysis.weight import Weight

NORMAL_IQR = 1.349  # quartiles of the normal law, in standard deviations
TRAINED = 0.5  # of the layers of a kind, the share that Spectrum trains by default (--top-percent 50)
ALWAYS = ("embedding", "head")  # trained whatever their ratio
FEWEST = 8  # singular values below which no noise is looked for

Values = Float64[np.ndarray, " k"]

COLUMNS = (
    Column(
        "snr_spectrum",
        "SNR Spectrum",
        "Sum of the singular values above tau over the sum of the others, over σ₁, as in Spectrum's code. Layers with "
        "a high one are trained first; it falls as the weight grows, so compare layers of one kind only.",
        absent="the matrix is zero",
        scaled=True,
        caveat="It falls as the weight grows: compare layers of one kind only.",
    ),
    Column(
        "tau",
        "τ Spectrum",
        "Spectrum's threshold on singular values, from their interquartile range. High where the spectrum is wide, be "
        "it noise or not.",
        scaled=True,
    ),
    Column(
        "above_tau",
        "Above τ",
        "Singular values above Spectrum's threshold. Nearly all in long matrices, where it is too low.",
        kind="integer",
        caveat="In long matrices the threshold is too low, and nearly all values are above it.",
    ),
    Column(
        "snr_mp",
        "SNR",
        "Sum of the singular values above the edge of noise over the sum of the others, whatever the scale. 0: noise; "
        "high: signal.",
        absent="fewer than eight singular values, or all entries are equal",
    ),
    Column(
        "tau_mp",
        "τ noise",
        "Edge of noise, σ (√m + √n), with σ of the fitted bulk, or of all entries where no bulk fits. High means "
        "strong noise.",
        absent="fewer than eight singular values, or all entries are equal",
        scaled=True,
    ),
    Column(
        "above_mp",
        "Above noise",
        "Singular values above the edge of noise. 0: nothing but noise; more: signal.",
        kind="integer",
        absent="fewer than eight singular values, or all entries are equal",
        usual_words="1 or more, once trained.",
    ),
    Column(
        "signal_energy",
        "Signal share",
        "Share of ‖W‖² in those singular values, 0 to 1. Near 0: noise; high: few directions carry the weight.",
        absent="fewer than eight singular values, or all entries are equal",
    ),
    Column(
        "noise_from",
        "Noise by",
        "bulk: noise is what the fitted bulk holds. entries: no bulk fits, so all entries count as noise, which puts "
        "the edge as high as it can be.",
        kind="text",
        absent="fewer than eight singular values, or all entries are equal",
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    values = weight.spectrum.values
    tau = spectrum_threshold(values, weight.info.rows, weight.info.columns)
    facts: dict[str, Scalar] = {
        "tau": tau,
        "above_tau": int(np.count_nonzero(values > tau)),
        "snr_spectrum": spectrum_ratio(values, tau),
    }
    edge = noise_edge(weight)
    if edge is None:
        shortage = f"{quantity(len(values), 'singular value')}; noise needs {FEWEST}" if len(values) < FEWEST else None
        return Measurement(facts, note=shortage or "all entries are equal, so none is noise")
    return Measurement(facts | _signal(values, *edge))


def spectrum_threshold(values: Values, rows: int, columns: int) -> float:
    """IQR / 1.349 · (1 + √(min / max)), as in Spectrum's calculate_snr_for_layer."""
    low, high = np.quantile(values, [0.25, 0.75])
    small, large = sorted((rows, columns))
    return float(high - low) / NORMAL_IQR * (1.0 + math.sqrt(small / large))


def spectrum_ratio(values: Values, tau: float) -> float | None:
    """Signal over noise over the largest; noise counts as 1 where there is none, as there. None for a zero matrix."""
    if values[-1] == 0.0:
        return None
    noise = math.fsum(values[values <= tau])
    return math.fsum(values[values > tau]) / (noise or 1.0) / float(values[-1])


def noise_edge(weight: Weight) -> tuple[float, str] | None:
    """The largest singular value that noise would have, once in a thousand, and where the noise was taken from."""
    of = entries(weight)
    if len(weight.spectrum.values) < FEWEST or of.variance == 0.0:
        return None
    rows, columns = weight.info.rows, weight.info.columns
    bulk = marchenko_pastur.robust(weight.spectrum.eigenvalues, rows, columns)
    if bulk is not None and bulk.fits:
        return math.sqrt(bulk.cut), "bulk"
    return math.sqrt(marchenko_pastur.noise(rows, columns, of.variance).cut), "entries"


def _signal(values: Values, tau: float, source: str) -> dict[str, Scalar]:
    ratios, edge = values / values[-1], tau / float(values[-1])
    signal, rest = ratios[ratios > edge], ratios[ratios <= edge]
    noise = math.fsum(rest)
    return {
        "tau_mp": tau,
        "above_mp": int(signal.size),
        "snr_mp": math.fsum(signal) / noise if noise > 0.0 else None,
        "signal_energy": math.fsum(np.square(signal)) / math.fsum(np.square(ratios)),
        "noise_from": source,
    }


def summarise(table: Table) -> Summary:
    rows = [row for row in table.rows if row.value("snr_mp") is not None]
    noise = [row for row in rows if row.value("above_mp") == 0]
    picks = trained_rows([row for row in table.rows if row.value("snr_spectrum") is not None])
    numbers: dict[str, Scalar] = {
        "measured": len(rows),
        "without_signal": len(noise),
        "spectrum_trains": len(picks),
        "median_snr": median(table.numbers("snr_mp")) if rows else None,
        "median_signal_energy": median(table.numbers("signal_energy")) if rows else None,
    }
    missing = unmeasured_findings(table.rows, "snr_mp", "signal-to-noise ratio")
    findings = worst_first([*map(_silent, group_alike(noise)), *_choice(picks, table), *missing])
    return Summary(_headline(numbers) + tell_unjudged(table.rows, "snr_mp"), numbers, findings)


def trained_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows that Spectrum would train: of each role the upper half by its ratio, and embeddings and heads."""
    kinds: dict[tuple[Scalar, ...], list[Row]] = defaultdict(list)
    for row in rows:
        kinds[(*row.group, row.weight.role)].append(row)
    chosen_ids = {
        id(row)
        for (*_, role), members in kinds.items()
        for row in sorted(members, key=lambda row: -number(row, "snr_spectrum"))[
            : len(members) if role in ALWAYS else int(len(members) * TRAINED)
        ]
    }
    return [row for row in rows if id(row) in chosen_ids]


def _silent(rows: Sequence[Row]) -> Finding:
    verb = "has" if len(rows) == 1 else "have"
    why = "No singular value is larger than those of noise with the same spread."
    columns = ("above_mp", "tau_mp", "noise_from")
    severity = Severity.NOTE if rows[0].weight.role in ("pooler", "embedding", "position") else Severity.WARN
    text = f"{subject(rows)} {verb} no signal above noise"
    return Finding(severity, text, why, names(rows), evidence(rows, *columns), RANDOM)


def _choice(chosen: Sequence[Row], table: Table) -> list[Finding]:
    if not chosen:
        return []
    text = f"Spectrum would train {len(chosen)} of {quantity(len(table.rows), 'matrix', 'matrices')}"
    why = "The upper half of each kind by its ratio, and embeddings and heads in any case (arXiv 2406.06623)."
    return [Finding(Severity.NOTE, text, why, names(chosen), evidence(chosen, "snr_spectrum"), READING)]


def _headline(numbers: dict[str, Scalar]) -> str:
    count, share = int(numbers["measured"] or 0), numbers["median_signal_energy"]
    if share is None:
        return "No matrix has a signal-to-noise ratio."
    silent = int(numbers["without_signal"] or 0)
    last = f" {silent} {'has' if silent == 1 else 'have'} none at all." if silent else ""
    noun = quantity(count, "matrix", "matrices")
    if share == 0.0:
        return f"{silent} of {noun} {'has' if silent == 1 else 'have'} no signal above noise."
    if count == 1:
        return f"The matrix holds {percent(float(share))} of its weight above noise."
    return f"At least half of {noun} hold {percent(float(share))} or more of their weight above noise.{last}"


SNR = Diagnostic(
    name="snr",
    title="Signal to noise",
    scope=Scope.ONE,
    reference="Hartford et al., Spectrum, arXiv 2406.06623; Marchenko and Pastur 1967",
    description="How much of each weight is above noise, by Spectrum's published ratio and by the law of noise.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    figures=(
        Figure(
            "signal-by-depth",
            "Signal share by depth",
            "Share of each weight above the edge of noise. Each line is one role.",
            ByDepth(y="signal_energy"),
        ),
        Figure(
            "snr-by-role",
            "Spectrum's ratio by block and role",
            "Each cell is one matrix. Compare within a role: the ratio hangs on the scale of the weight.",
            Heatmap(color="snr_spectrum"),
        ),
    ),
    caveat="A published rule for choosing the layers to train, and no measure of quality. Its edge of noise is "
    "about independent entries.",
)
