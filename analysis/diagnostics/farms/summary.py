"""What exponents through windows of one shape say in words: where the shape speaks, and which layers stand out.

The bounds are ours: they say what is worth a look, not what is wrong.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import median, stdev

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.diagnostics.esd.summary import verdict
from analysis.findings.causes import EXPONENT, SIBLINGS
from analysis.findings.siblings import find_apart
from analysis.findings.subjects import evidence, group_alike, names, number, subject, unmeasured_findings, worst_first
from analysis.findings.wording import lower_first, quantity, short

LARGE_BIAS = 0.25  # share of the raw exponent above 1 that is said to be shape: benchmarks/truth/bounds/shapes.py
FAR = 3.0  # robust standard deviations from its siblings
FEW = 100  # eigenvalues of all windows below which an exponent is a hint


def summarise(table: Table) -> Summary:
    rows = [row for row in table.rows if row.value("alpha_farms") is not None]
    alphas, biases = table.numbers("alpha_farms"), table.numbers("aspect_bias")
    bias_rows = [row for row in rows if _bias_share(row) >= LARGE_BIAS]
    numbers: dict[str, Scalar] = {
        "measured": len(rows),
        "median_alpha_farms": median(alphas) if alphas else None,
        "sd_alpha_farms": stdev(alphas) if len(alphas) > 1 else None,
        "median_alpha_raw": median(table.numbers("alpha_raw")) if table.numbers("alpha_raw") else None,
        "largest_bias": max(biases, key=abs) if biases else None,
        "shaped": len(bias_rows),
    }
    findings = [
        *map(_shape_finding, group_alike(bias_rows)),
        *_find_outliers(rows),
        *unmeasured_findings(table.rows, "alpha_farms", "α FARMS"),
    ]
    return Summary(_headline(numbers), numbers, worst_first(findings))


def _bias_share(row: Row) -> float:
    """The part of the raw exponent, counted from 1, that is shape; 0 where that is within the spread of the windows."""
    bias, spread = number(row, "aspect_bias"), number(row, "windows_sd")
    if not bias > (0.0 if math.isnan(spread) else spread):
        return 0.0
    return bias / (number(row, "alpha_raw") - 1.0)


def _shape_finding(rows: Sequence[Row]) -> Finding:
    """What the shape does, and whether a verdict on the raw exponent hangs on it. Hill's exponent has no verdicts."""
    top = max(rows, key=_bias_share)
    raw, farms = number(top, "alpha_raw"), number(top, "alpha_farms")
    why = (
        f"{top.weight.label}: α {short(raw)} raw, {short(farms)} by windows of one shape, so {_bias_share(top):.0%} "
        f"of what it is above 1 comes from its {short(number(top, 'aspect'))}:1 shape.{_verdict_change(top)}"
    )
    text = f"The shape raises α of {lower_first(subject(rows))}"
    columns = ("alpha_raw", "alpha_farms", "aspect_bias", "windows_sd", "aspect")
    return Finding(Severity.NOTE, text, why, names(rows), evidence(rows, *columns), EXPONENT)


def _verdict_change(row: Row) -> str:
    """Whether the verdict on a searched exponent is one on the shape."""
    raw, farms = verdict(number(row, "alpha_raw")), verdict(number(row, "alpha_farms"))
    if row.value("fit") == "hill" or raw == farms:
        return " Compare it by α FARMS."
    return " Only one of the two lies between 2 and 6."


def _find_outliers(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows far from their siblings, and by more than the spread of their own windows."""
    for outlier in find_apart(rows, lambda row: number(row, "alpha_farms"), FAR, LARGE_BIAS):
        spread, gap = number(outlier.row, "windows_sd"), outlier.value - outlier.middle
        if not math.isnan(spread) and abs(gap) <= FAR * spread:
            continue
        weak = number(outlier.row, "num_evals") < FEW
        hint = " Few eigenvalues stand behind it: a hint, no more." if weak else ""
        comparison = f"the median of {outlier.siblings} others of its role and shape is {short(outlier.middle)}"
        why = f"α FARMS {short(outlier.value)}; {comparison}.{hint}"
        text = f"{subject([outlier.row])} has a {'thinner' if gap > 0.0 else 'heavier'} tail than its siblings"
        some = [outlier.row]
        columns = ("alpha_farms", "windows_sd", "aspect")
        yield Finding(Severity.NOTE, text, why, names(some), evidence(some, *columns), SIBLINGS)


def _headline(numbers: dict[str, Scalar]) -> str:
    middle, count = numbers["median_alpha_farms"], int(numbers["shaped"] or 0)
    if middle is None:
        return "No matrix has windows to fit."
    noun = quantity(int(numbers["measured"] or 0), "matrix", "matrices")
    bias = f" The shape raises the raw α of {count} of them much." if count else " Their shapes hardly change it."
    return f"Half of {noun} have α FARMS above {short(float(middle))}.{bias}"
