"""Where the log-determinant of the tail is zero: the condition at which SETOL expects a layer to have learned ideally.

Martin and Hinrichs (SETOL, arXiv 2507.17912): the tail in which a layer generalises keeps its volume under an exact
renormalisation group step, so the eigenvalues in it, over the mean of all, multiply to 1 (det X = 1). In an ideal layer
that tail is the power-law tail, and α is 2. Above 2 the power law begins too far out, and the ERG gap is positive.
"""

from collections.abc import Sequence
from statistics import median
from typing import Literal

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
from analysis.diagnostics.options import ALPHA_ERROR, COMPAT, CONV_NORM, SIGMA, conv_factor, flatness
from analysis.figure import ByDepth, Figure, Heatmap
from analysis.findings.causes import EXPONENT
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
from analysis.findings.wording import join_words, quantity, short
from analysis.runtime.shapes import Float64
from analysis.statistics import power_law
from analysis.statistics.fit_range import FEW, NO_FIT, THIN, no_fit, usable_eigenvalues
from analysis.weight import Weight

# SETOL gives the ideal point and no tolerance. Ours: α within 0.25 or two standard errors of 2, at most 0.5 (the errors
# of a tail of 16, fewer than which are low-confidence fits), and tails that differ by a twentieth of all eigenvalues
NEAR_ALPHA, FAR_ALPHA, NEAR_GAP, ERRORS = 0.25, 0.5, 0.05, 2.0
Reading = Literal["ideal", "near 2 with another tail", "tail too short", "tail too long", "over-correlated"]

COLUMNS = (
    Column(
        "detX_num",
        "ERG tail",
        "Largest eigenvalues whose product, each over the mean of all, first falls below 1; the one that lets it fall "
        "is counted. A high number means that few eigenvalues are far above the mean.",
        kind="integer",
        absent="all eigenvalues are equal, or there is one only",
    ),
    Column(
        "detX_val",
        "ERG tail from λ",
        "Smallest eigenvalue of that tail. Near the start of the power law in an ideal layer; below it otherwise.",
        absent="all eigenvalues are equal, or there is one only",
        scaled=True,
    ),
    Column(
        "detX_val_rescaled",
        "ERG tail from λ / mean",
        "The same over the mean of all eigenvalues. Low where the spectrum is heavy-tailed. WeightWatcher's "
        "detX_val_unrescaled, whose name is wrong there.",
        absent="all eigenvalues are equal, or there is one only",
    ),
    Column(
        "alpha",
        "α",
        "Exponent of the power-law tail, as in the diagnostic esd. Near 2: ideal by SETOL.",
        absent=NO_FIT,
        error="alpha_error",
    ),
    ALPHA_ERROR,
    SIGMA,
    Column(
        "num_pl_spikes",
        "Eigenvalues in the tail",
        "Eigenvalues in the power-law tail. Few make α a hint, more make it firm.",
        kind="integer",
        absent=NO_FIT,
        usual_words="20 or more, for a firm fit.",
    ),
    Column(
        "ERG_gap",
        "ERG gap",
        "ERG tail less power-law tail, in eigenvalues. Near 0 with α near 2: ideal. Above: the power law begins too "
        "far out, there is more to learn. Below: it reaches into the bulk.",
        kind="integer",
        absent=f"no ERG tail, or {NO_FIT}",
    ),
    Column(
        "ERG_gap_share",
        "ERG gap, share",
        "The gap over the number of eigenvalues, -1 to 1, so that layers compare. Near 0 the two tails agree; above "
        "and below as the gap.",
        absent=f"no ERG tail, or {NO_FIT}",
        usual=(-NEAR_GAP, NEAR_GAP),
    ),
    Column(
        "reading",
        "SETOL",
        "ideal: α near 2 and the tails agree; a hint only where the evidence is weak. near 2 with another tail: only α "
        "says so. tail too short: α above 2, still learning. tail too long: above 2, but the power law reaches into "
        "the bulk. over-correlated: α below 2.",
        kind="text",
        absent=f"no ERG tail, or {NO_FIT}",
    ),
    Column(
        "low_confidence",
        "Low-confidence fit",
        "True where the power law rests on fewer than 20 eigenvalues, or the matrix has fewer than 50: then the gap "
        "is a hint.",
        kind="flag",
        absent=NO_FIT,
        usual_words="False.",
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    eigenvalues = weight.spectrum.eigenvalues * conv_factor(weight, options)
    tail = volume_preserving(eigenvalues)
    values: dict[str, Scalar] = {}
    if tail:
        start = float(eigenvalues[-tail])
        values = {"detX_num": tail, "detX_val": start, "detX_val_rescaled": start / float(eigenvalues.mean())}
    fit_values = usable_eigenvalues(eigenvalues, options.text("compat") == "weightwatcher")
    law = power_law.fit(fit_values, flatness(weight, options))
    if law is None:
        return Measurement(values, note=no_fit(eigenvalues, fit_values))
    weak = law.tail < THIN or fit_values.size < FEW
    values |= {
        "alpha": law.alpha,
        "alpha_error": law.error,
        "sigma": law.sigma,
        "num_pl_spikes": law.tail,
        "low_confidence": weak,
    }
    if tail:
        share = (tail - law.tail) / eigenvalues.size
        verdict = reading(law.alpha, law.sigma, share)
        values |= {"ERG_gap": tail - law.tail, "ERG_gap_share": share, "reading": verdict}
    return Measurement(values, note=None if tail else "all its eigenvalues are equal, so no tail keeps its volume")


def volume_preserving(eigenvalues: Float64[np.ndarray, " k"]) -> int:
    """How many of the largest of ascending eigenvalues, over the mean of all, first multiply to less than 1.

    By sums of logarithms, which no number of them can overflow (WeightWatcher's detX_constraint multiplies). All where
    none do, 0 where there is nothing to choose: one eigenvalue, or all equal.
    """
    if len(eigenvalues) < 2 or not eigenvalues[0] < eigenvalues[-1]:
        return 0
    ratios = eigenvalues[::-1] / eigenvalues[-1]
    logs = np.log(ratios, out=np.full(len(ratios), -np.inf), where=ratios > 0.0) - np.log(ratios.mean())
    crossings = np.flatnonzero(np.cumsum(logs[:-1]) < 0.0)  # the smallest is never tried, as there
    return int(crossings[0]) + 1 if crossings.size else len(eigenvalues)


def reading(alpha: float, sigma: float, gap: float) -> Reading:
    """What SETOL makes of an exponent and of the ERG gap as a share of the eigenvalues."""
    agree = abs(gap) <= NEAR_GAP
    if abs(alpha - 2.0) <= max(NEAR_ALPHA, min(FAR_ALPHA, ERRORS * sigma)):
        return "ideal" if agree else "near 2 with another tail"
    if alpha < 2.0:
        return "over-correlated"
    return "tail too long" if gap < -NEAR_GAP else "tail too short"


def summarise(table: Table) -> Summary:
    read = [row for row in table.rows if row.value("reading") is not None]
    by: dict[Scalar, list[Row]] = {}
    for row in read:
        by.setdefault(row.value("reading"), []).append(row)
    ideal = by.get("ideal", [])
    firm = [row for row in ideal if not row.value("low_confidence")]
    gaps = table.numbers("ERG_gap_share")
    numbers: dict[str, Scalar] = {
        "measured": len(read),
        "ideal": len(firm),
        "ideal_on_weak_evidence": len(ideal) - len(firm),
        "tail_too_short": len(by.get("tail too short", [])),
        "tail_too_long": len(by.get("tail too long", [])),
        "over_correlated": len(by.get("over-correlated", [])),
        "median_gap_share": median(gaps) if gaps else None,
        "median_alpha": median(number(row, "alpha") for row in read) if read else None,
    }
    findings = [
        *map(_overfit_finding, group_alike(by.get("over-correlated", []))),
        *_ideal(firm, len(ideal) - len(firm)),
    ]
    missing = unmeasured_findings(table.rows, "reading", "ERG gap")
    headline = _headline(numbers) + tell_unjudged(table.rows, "reading")
    return Summary(headline, numbers, worst_first([*findings, *missing]))


def _overfit_finding(rows: Sequence[Row]) -> Finding:
    """Below 2 SETOL expects layers that lean on a few correlations; one weak fit is a suspicion only."""
    weak = all(row.value("low_confidence") for row in rows)
    verb = ("may be" if weak else "is") if len(rows) == 1 else ("may be" if weak else "are")
    alphas = join_words([f"{short(number(row, 'alpha'))} ± {short(number(row, 'sigma'))}" for row in rows[:5]])
    hint = " All rest on few eigenvalues: a hint, no more." if weak else ""
    position = rows[0].weight.role == "position"
    usual = " Usual for smooth position tables." if position else ""
    why = f"α {alphas}, below 2 by more than its error: a few directions carry it.{hint}{usual}"
    columns = ("alpha", "sigma", "ERG_gap", "num_pl_spikes")
    text = f"{subject(rows)} {verb} over-correlated by SETOL"
    return Finding(Severity.NOTE, text, why, names(rows), evidence(rows, *columns), EXPONENT)


def _ideal(rows: Sequence[Row], weak: int) -> list[Finding]:
    """Those whose evidence is firm; how many more look so is said beside them."""
    if not rows:
        return []
    first = max(rows, key=lambda row: number(row, "num_pl_spikes"))
    why = (
        "α within 0.25 or two errors of 2, at most 0.5, and both tails agree to a twentieth of all eigenvalues. The "
        f"firmest is {first.weight.label}: α {short(number(first, 'alpha'))} ± {short(number(first, 'sigma'))}, ERG "
        f"gap {number(first, 'ERG_gap'):.0f}.{_weak_fits_in_words(weak)}"
    )
    text = f"{quantity(len(rows), 'matrix is', 'matrices are')} at SETOL's ideal point"
    return [Finding(Severity.NOTE, text, why, names(rows), evidence(rows, "alpha", "ERG_gap"), EXPONENT)]


def _weak_fits_in_words(count: int) -> str:
    verb = "looks" if count == 1 else "look"
    return f" {count} more {verb} so, on too few eigenvalues to count." if count else ""


def _headline(numbers: dict[str, Scalar]) -> str:
    count, gap = int(numbers["measured"] or 0), numbers["median_gap_share"]
    if not count:
        return "No matrix has both tails to compare."
    middle = f" The median gap is {100.0 * float(gap):.0f} % of the eigenvalues." if gap is not None else ""
    weak = _weak_fits_in_words(int(numbers["ideal_on_weak_evidence"] or 0))
    return f"{numbers['ideal']} of {quantity(count, 'matrix', 'matrices')} at SETOL's ideal point.{weak}{middle}"


ERG = Diagnostic(
    name="erg",
    title="ERG condition",
    scope=Scope.ONE,
    reference="Martin and Hinrichs, SETOL: a semi-empirical theory of (deep) learning, arXiv 2507.17912",
    description="How far each weight is from the point where its power-law tail keeps its volume and α is 2.",
    columns=COLUMNS,
    compute=compute,
    tail=True,
    summarise=summarise,
    options=(COMPAT, CONV_NORM),
    figures=(
        Figure(
            "gap-by-depth",
            "ERG gap by depth",
            "ERG tail less power-law tail, as a share of the eigenvalues. Near 0 with α near 2 is ideal by SETOL.",
            ByDepth(y="ERG_gap_share", hollow="low_confidence"),
        ),
        Figure(
            "gap-by-role",
            "ERG gap by block and role",
            "Each cell is one matrix. Above 0 the power law begins too far out, below it reaches into the bulk.",
            Heatmap(color="ERG_gap_share"),
        ),
    ),
    caveat="No independent replication of the ERG condition was found (docs/evidence.md).",
)
