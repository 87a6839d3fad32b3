"""What the exponents of a table say in words: the verdict on each tail, the headline, and the findings.

Martin and Mahoney (JMLR 22, 2021; Nature Communications 12, 2021): 2 to 6 is typical of well-trained layers, above 6
the tail is as thin as that of noise, below 2 it is so heavy that a few directions rule.
"""

from collections.abc import Sequence
from statistics import fmean, median, stdev

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.findings.subjects import (
    describe_rows,
    group_alike,
    number,
    subject,
    tell_apart,
    unmeasured_findings,
    worst_first,
)
from analysis.findings.wording import join_words, lower_first, quantity, short

OVER, UNDER = 2.0, 6.0  # WeightWatcher's OVER_TRAINED_THRESH and UNDER_TRAINED_THRESH
SURE = 2.0  # standard errors outside 2 to 6 from which on a verdict is more than a suspicion (95 % of a normal law)


def verdict(alpha: float) -> str:
    """WeightWatcher's warning: "over-trained" below 2, "under-trained" above 6, else ""."""
    if alpha < OVER:
        return "over-trained"
    return "under-trained" if alpha > UNDER else ""


def summarise(table: Table) -> Summary:
    """The health of a table with the columns alpha, sigma, num_pl_spikes, low_confidence and warning."""
    flagged = [row for row in table.rows if row.value("warning")]
    together = sorted(group_alike(flagged, lambda row: row.value("warning")), key=lambda rows: -max(map(_excess, rows)))
    numbers = _numbers(table, flagged)
    findings = worst_first(map(_finding, together))
    return Summary(
        _headline(numbers, together), numbers, (*findings, *_reservations(table, len(table.numbers("alpha"))))
    )


def _numbers(table: Table, flagged: Sequence[Row]) -> dict[str, Scalar]:
    alphas = table.numbers("alpha")
    healthy = len(alphas) - len(flagged)
    return {
        "fitted": len(alphas),
        "healthy": healthy,
        "share_healthy": healthy / len(alphas) if alphas else None,
        "flagged": len(flagged),
        "under_trained": sum(row.value("warning") == "under-trained" for row in flagged),
        "over_trained": sum(row.value("warning") == "over-trained" for row in flagged),
        "median_alpha": median(alphas) if alphas else None,
        "mean_alpha": fmean(alphas) if alphas else None,
        "sd_alpha": stdev(alphas) if len(alphas) > 1 else None,
        "low_confidence": sum(row.value("low_confidence") is True for row in table.rows),
        "without_fit": len(table.rows) - len(alphas),
    }


def _excess(row: Row) -> float:
    """How far outside 2 to 6 an exponent lies."""
    alpha = number(row, "alpha")
    return max(alpha - UNDER, OVER - alpha)


def _finding(rows: Sequence[Row]) -> Finding:
    what, where = describe_rows(rows)
    under = rows[0].value("warning") == "under-trained"
    sure = any(_excess(row) > SURE * number(row, "sigma") for row in rows)
    usual = rows[0].weight.role == "position" and not under
    severity = Severity.NOTE if usual else Severity.BAD if sure else Severity.WARN
    says = ("is under-trained" if sure else "looks under-trained") if under else "has a very heavy tail"
    why = [f"α {join_words([_alpha_text(number(row, 'alpha')) for row in rows[:5]])}.", *_weak(rows)]
    if len(rows) > 5:
        why[0] = f"α from {_alpha_text(_least_alpha(rows))} to {_alpha_text(_largest_alpha(rows))}."
    if usual:
        why.append("Usual for smooth position tables.")
    evidence = {row.weight.name: row.value("alpha") for row in rows}
    return Finding(severity, f"{what} {says}{where}", " ".join(why), tuple(evidence), evidence)


def _alpha_text(alpha: float) -> str:
    """An exponent outside 2 to 6, with as many digits as show that it is."""
    texts = (short(alpha), *(f"{alpha:.{digits}f}" for digits in range(2, 9)))
    return next((text for text in texts if not OVER <= float(text) <= UNDER), repr(alpha))


def _least_alpha(rows: Sequence[Row]) -> float:
    return min(number(row, "alpha") for row in rows)


def _largest_alpha(rows: Sequence[Row]) -> float:
    return max(number(row, "alpha") for row in rows)


def _weak(rows: Sequence[Row]) -> list[str]:
    """A reservation for the fits that rest on few eigenvalues."""
    weak = [row for row in rows if row.value("low_confidence")]
    if not weak:
        return []
    direction = "high" if rows[0].value("warning") == "under-trained" else "low"
    who = " and ".join(tell_apart(weak)) if len(rows) > 1 else "It"
    sizes = join_words([str(row.value("num_pl_spikes")) for row in weak])
    if len(weak) > 2:
        return [f"{len(weak)} of them rest on few eigenvalues: read those as {direction}, not as numbers."]
    if len(weak) == 1:
        return [f"{who} rests on {sizes} eigenvalues: read it as {direction}, not as a number."]
    return [f"{who} rest on {sizes} eigenvalues: read them as {direction}, not as numbers."]


def _headline(numbers: dict[str, Scalar], together: Sequence[Sequence[Row]]) -> str:
    share = numbers["share_healthy"]
    if not isinstance(share, float):
        return "No matrix has a tail to fit."
    noun = "matrix has" if numbers["fitted"] == 1 else "matrices have"
    said = f"{_opening(share, numbers)} {numbers['healthy']} of {numbers['fitted']} {noun} a healthy tail."
    if not together:
        return said
    subjects = [subject(rows) for rows in together[:3]]
    others = [f"{len(together) - 3} more"] if len(together) > 3 else []
    return f"{said} Outside it: {'; '.join([*map(lower_first, subjects), *others])}."


def _opening(share: float, numbers: dict[str, Scalar]) -> str:
    """The verdict on a model; the shares that separate its classes are ours, not the literature's."""
    if share >= 0.95:
        return "Well trained."
    if share >= 0.8:
        return "Mostly well trained."
    if share >= 0.5:
        return "Partly well trained."
    under, over = int(numbers["under_trained"] or 0), int(numbers["over_trained"] or 0)
    if under == over:
        return "As many matrices under-trained as over-trained."
    return "Mostly under-trained." if under > over else "Mostly over-trained."


def _reservations(table: Table, fitted: int) -> list[Finding]:
    """What to bear in mind about the fits that are weak, and those that are missing."""
    found = []
    weak = tuple(row.weight.name for row in table.rows if row.value("low_confidence"))
    if weak:
        text = f"{len(weak)} of {quantity(fitted, 'fit')} {'rests' if len(weak) == 1 else 'rest'} on little"
        why = "Fewer than 20 eigenvalues in the tail, or fewer than 50 in all: such an α is a hint, not a number."
        found.append(Finding(Severity.NOTE, text, why, weak, {"low_confidence": len(weak)}))
    return [*found, *unmeasured_findings(table.rows, "alpha", "tail fit")]
