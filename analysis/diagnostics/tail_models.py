"""Is the tail a power law at all? Likelihood ratios against the laws that look like one over a short range.

Clauset, Shalizi and Newman (SIAM Review 51, 2009, section 5): a power law that fits is no proof of one, and few points
decide nothing. Each other law is fitted to the same tail; p says how often chance alone would prefer one as clearly.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from analysis.diagnostic import (
    Column,
    Diagnostic,
    Finding,
    Measurement,
    Option,
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
from analysis.findings.wording import quantity, short
from analysis.statistics import alternatives as tails
from analysis.statistics import power_law
from analysis.statistics.alternatives import LAWS, LawComparison
from analysis.statistics.fit_range import FEW, NO_FIT, THIN, no_fit, usable_eigenvalues
from analysis.statistics.shuffling import seed_of
from analysis.weight import Weight

DECIDED = 0.1  # p up to which a ratio is taken for more than chance (Clauset et al., section 5.1)
SURE = 0.01  # and up to which an exponential tail is a warning
SPOKEN = {"truncated": "truncated power law", "exponential": "exponential", "lognormal": "log-normal"}

BOOTSTRAP = Option(
    "bootstrap",
    0,
    "How many resampled spectra to fit for an interval that holds α with 95 %; 0 leaves it out. 200 is enough.",
    minimum=0.0,
    maximum=5000.0,
)


def _ratio_columns(law: str, looks: str) -> tuple[Column, Column]:
    name = SPOKEN[law]
    noun = name if name.endswith(" law") else f"{name} law"
    return (
        Column(
            f"R_{law}",
            f"R {name}",
            f"Likelihood ratio of the power law to the {noun}, standardised. Above 0 the power law is better, "
            f"below 0 the {name}{looks}.",
            absent=NO_FIT,
        ),
        Column(
            f"p_{law}",
            f"p {name}",
            f"How often chance alone would give a ratio as far from 0. Up to 0.1 the sign of R counts; above, the data "
            f"do not decide between power law and {name}.",
            absent=NO_FIT,
        ),
    )


COLUMNS = (
    Column(
        "alpha",
        "α",
        "Exponent of the fitted power law, as in the diagnostic esd. Low means a heavy tail, high a thin one.",
        absent=NO_FIT,
        error="alpha_error",
    ),
    ALPHA_ERROR,
    SIGMA,
    Column(
        "alpha_low",
        "α from",
        "Lower end of the interval that holds 95 % of the resampled α, start of the tail searched anew. A wide "
        "interval means that α hangs on few eigenvalues; eigenvalues repel, so it is rather too wide than too small.",
        absent=f"{NO_FIT}, or the option bootstrap is 0",
    ),
    Column(
        "alpha_high",
        "α to",
        "Upper end of the interval that holds 95 % of the resampled α. High above α: the tail may be thin.",
        absent=f"{NO_FIT}, or the option bootstrap is 0",
    ),
    Column(
        "num_pl_spikes",
        "Eigenvalues in the tail",
        "Eigenvalues in the tail that the laws are fitted to. Below 20 nothing is decided; more decide more.",
        kind="integer",
        absent=NO_FIT,
        usual_words="20 or more: below, nothing is decided.",
    ),
    Column(
        "best",
        "Best law",
        "power law: the exponential is ruled out and nothing is better. The name of another law: it is better, by more "
        "than chance. undecided: neither, or fewer than 20 eigenvalues.",
        kind="text",
        absent=NO_FIT,
    ),
    *_ratio_columns("truncated", ", and R is never above 0, since it holds the power law"),
    *_ratio_columns("exponential", ", and then the tail is as thin as noise"),
    *_ratio_columns("lognormal", ", whose tail bends down slowly"),
    Column(
        "alpha_truncated",
        "α truncated",
        "Exponent of the truncated power law: below α where the tail bends down, equal to it where it does not.",
        absent=NO_FIT,
    ),
    Column(
        "Lambda",
        "Λ",
        "Rate of the exponential cut-off of the truncated power law, per unit of λ. High: cut off early.",
        absent=f"{NO_FIT}, or the tail does not bend down",
        scaled=True,
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    eigenvalues = weight.spectrum.eigenvalues * conv_factor(weight, options)
    fit_values = usable_eigenvalues(eigenvalues, options.text("compat") == "weightwatcher")
    flat = flatness(weight, options)
    law = power_law.fit(fit_values, flat)
    if law is None:
        return Measurement({}, note=no_fit(eigenvalues, fit_values))
    tail = fit_values[fit_values.size - law.fitted :]
    comparisons = {name: tails.compare(tail, name) for name in LAWS}
    values: dict[str, Scalar] = {
        "alpha": law.alpha,
        "alpha_error": law.error,
        "sigma": law.sigma,
        "num_pl_spikes": law.tail,
        "best": "undecided" if law.tail < THIN or fit_values.size < FEW else best_law(comparisons),
        "alpha_truncated": comparisons["truncated"].first,
        "Lambda": comparisons["truncated"].second,
        **{f"R_{name}": one.R for name, one in comparisons.items()},
        **{f"p_{name}": one.p for name, one in comparisons.items()},
    }
    count = options.integer("bootstrap")
    bounds = tails.bootstrap(fit_values, count, seed_of(weight), flat=flat) if count else None
    return Measurement(values | ({"alpha_low": bounds[0], "alpha_high": bounds[1]} if bounds else {}))


def best_law(found: Mapping[str, LawComparison]) -> str:
    """The likeliest of the laws that are better than the power law by more than chance; else what is left to say."""
    winners = {name: one for name, one in found.items() if one.R < 0.0 and one.p <= DECIDED}
    if winners:
        return SPOKEN[min(winners, key=lambda name: winners[name].ratio)]
    thin = found["exponential"]
    return "power law" if thin.R > 0.0 and thin.p <= DECIDED else "undecided"


def summarise(table: Table) -> Summary:
    rows = [row for row in table.rows if row.value("best") is not None]
    laws = Counter(str(row.value("best")) for row in rows)
    numbers: dict[str, Scalar] = {
        "measured": len(rows),
        "power_law": laws["power law"],
        "undecided": laws["undecided"],
        **{law: laws[SPOKEN[law]] for law in LAWS},
    }
    other = [row for row in rows if row.value("best") not in ("power law", "undecided")]
    findings = [
        *map(_finding, group_alike(other, lambda row: row.value("best"))),
        *_undecided_findings([row for row in rows if row.value("best") == "undecided"], len(rows)),
        *unmeasured_findings(table.rows, "best", "tail to compare"),
    ]
    return Summary(_headline(numbers) + tell_unjudged(table.rows, "best"), numbers, worst_first(findings))


def _finding(rows: Sequence[Row]) -> Finding:
    phrase = str(rows[0].value("best"))
    law = next(name for name, words in SPOKEN.items() if words == phrase)
    clear = min(rows, key=lambda row: number(row, f"p_{law}"))
    why = (
        f"{clear.weight.label}: R {short(number(clear, f'R_{law}'))}, p {short(number(clear, f'p_{law}'))} over "
        f"{number(clear, 'num_pl_spikes'):.0f} eigenvalues. Its α {short(number(clear, 'alpha'))} describes the tail "
        "less well than it seems."
    )
    noun = "tail is" if len(rows) == 1 else "tails are"
    text = f"{subject(rows)}: the {noun} better described as {phrase}"
    return Finding(
        Severity.NOTE,
        text,
        why,
        names(rows),
        evidence(rows, "alpha", f"R_{law}", f"p_{law}", "num_pl_spikes"),
        EXPONENT,
    )


def _undecided_findings(rows: Sequence[Row], measured: int) -> list[Finding]:
    if not rows:
        return []
    num_thin = sum(number(row, "num_pl_spikes") < THIN for row in rows)
    why = f"{num_thin} of them have fewer than {THIN} eigenvalues in the tail; " if num_thin else ""
    return [
        Finding(
            Severity.NOTE,
            f"{len(rows)} of {quantity(measured, 'tail')} cannot be told from other laws",
            f"{why}another law fits them as well: their α says how wide a tail is, and is no evidence of a law.",
            names(rows),
            {"undecided": len(rows), "few": num_thin},
            EXPONENT,
        )
    ]


def _headline(numbers: dict[str, Scalar]) -> str:
    count = int(numbers["measured"] or 0)
    if not count:
        return "No matrix has a tail to compare."
    other = sum(int(numbers[law] or 0) for law in LAWS)
    return (
        f"{numbers['power_law']} of {quantity(count, 'tail')} are power laws by the data; {other} follow another "
        f"law better, {numbers['undecided']} cannot be told."
    )


TAIL_MODELS = Diagnostic(
    name="tail_models",
    title="Is it a power law?",
    scope=Scope.ONE,
    reference="Clauset, Shalizi and Newman, SIAM Review 51, 2009, section 5; Alstott et al., PLOS ONE 9(1), 2014",
    description="The power law of each tail against the laws that look like one: which the eigenvalues prefer.",
    columns=COLUMNS,
    compute=compute,
    tail=True,
    summarise=summarise,
    options=(BOOTSTRAP, COMPAT, CONV_NORM),
    figures=(
        Figure(
            "exponential-by-role",
            "Power law or exponential",
            "Each cell is one matrix: above 0 the tail is rather a power law, below 0 rather exponential, as noise.",
            Heatmap(color="R_exponential"),
        ),
        Figure(
            "truncated-by-depth",
            "How surely is the tail cut off?",
            "p of the truncated power law by depth: low where the tail bends down by more than chance.",
            ByDepth(y="p_truncated"),
        ),
    ),
    caveat="Above a body that is no power law the intervals cover less than they say: at worst 54 % instead of 68 "
    "% (docs/evidence.md).",
)
