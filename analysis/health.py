"""What the exponents of a table say in words: the verdict on each tail, the headline, and the findings.

Martin and Mahoney (JMLR 22, 2021; Nature Communications 12, 2021): 2 to 6 is typical of well-trained layers, above 6
the tail is as thin as that of noise, below 2 it is so heavy that a few directions rule.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, median, stdev

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.wording import blocks, counted, listed, midway, short

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
    alike = _alike(flagged)
    numbers = _numbers(table, flagged)
    findings = sorted(map(_finding, alike), key=lambda finding: list(Severity).index(finding.severity))
    return Summary(_headline(numbers, alike), numbers, (*findings, *_reservations(table, len(table.numbers("alpha")))))


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


def _alike(flagged: Sequence[Row]) -> list[list[Row]]:
    """Flagged rows that one sentence can speak of: the same role and verdict, in whichever blocks. Worst first."""
    found: dict[tuple[Scalar, ...], list[Row]] = defaultdict(list)
    for row in flagged:
        info = row.weight
        alone = info.depth is None or info.role in ("other", "conv")
        what = info.name if alone else " · ".join([*_parts(row)[:1], info.role])
        found[(*row.group, row.value("warning"), what)].append(row)
    return sorted(found.values(), key=lambda rows: -max(map(_excess, rows)))


def _parts(row: Row) -> tuple[str, str, str]:
    """("Block", "4", "value") of "Block 4 · value"; ("", "", "Pooler")."""
    place, _, what = row.weight.label.rpartition(" · ")
    kind, _, depth = place.rpartition(" ")
    return kind, depth, what


def _number(row: Row, column: str) -> float:
    value = row.value(column)
    return float(value) if isinstance(value, int | float) else math.nan


def _excess(row: Row) -> float:
    """How far outside 2 to 6 an exponent lies."""
    alpha = _number(row, "alpha")
    return max(alpha - UNDER, OVER - alpha)


def _subject(rows: Sequence[Row]) -> tuple[str, str]:
    """What the rows are and where they lie: ("Value", " in blocks 4 and 5"), ("Pooler", "")."""
    kind, _, what = _parts(rows[0])
    depths = [row.weight.depth for row in rows if row.weight.depth is not None]
    side = kind.lower().removesuffix("block")
    return what[:1].upper() + what[1:], f" in {side}{blocks(depths)}" if depths else ""


def _finding(rows: Sequence[Row]) -> Finding:
    what, where = _subject(rows)
    under = rows[0].value("warning") == "under-trained"
    sure = any(_excess(row) > SURE * _number(row, "sigma") for row in rows)
    usual = rows[0].weight.role == "position" and not under
    severity = Severity.NOTE if usual else Severity.BAD if sure else Severity.WARN
    says = ("is under-trained" if sure else "looks under-trained") if under else "has a very heavy tail"
    why = [f"α {listed([short(_number(row, 'alpha')) for row in rows[:5]])}.", *_weak(rows)]
    if len(rows) > 5:
        why[0] = f"α from {short(_least(rows))} to {short(_most(rows))}."
    if usual:
        why.append("Usual for smooth position tables.")
    evidence = {row.weight.name: row.value("alpha") for row in rows}
    return Finding(severity, f"{what} {says}{where}", " ".join(why), tuple(evidence), evidence)


def _least(rows: Sequence[Row]) -> float:
    return min(_number(row, "alpha") for row in rows)


def _most(rows: Sequence[Row]) -> float:
    return max(_number(row, "alpha") for row in rows)


def _weak(rows: Sequence[Row]) -> list[str]:
    """A reservation for the fits that rest on few eigenvalues."""
    weak = [row for row in rows if row.value("low_confidence")]
    if not weak:
        return []
    direction = "high" if rows[0].value("warning") == "under-trained" else "low"
    who = " and ".join(f"{_parts(row)[0]} {_parts(row)[1]}".strip() for row in weak) if len(rows) > 1 else "It"
    sizes = listed([str(row.value("num_pl_spikes")) for row in weak])
    if len(weak) > 2:
        return [f"{len(weak)} of them rest on few eigenvalues: read those as {direction}, not as numbers."]
    if len(weak) == 1:
        return [f"{who} rests on {sizes} eigenvalues: read it as {direction}, not as a number."]
    return [f"{who} rest on {sizes} eigenvalues: read them as {direction}, not as numbers."]


def _headline(numbers: dict[str, Scalar], alike: Sequence[Sequence[Row]]) -> str:
    share = numbers["share_healthy"]
    if not isinstance(share, float):
        return "No matrix has a tail to fit."
    noun = "matrix has" if numbers["fitted"] == 1 else "matrices have"
    said = f"{_opening(share, numbers)} {numbers['healthy']} of {numbers['fitted']} {noun} a healthy tail."
    if not alike:
        return said
    subjects = ["".join(_subject(rows)) for rows in alike[:3]]
    others = [f"{len(alike) - 3} more"] if len(alike) > 3 else []
    return f"{said} Outside it: {'; '.join([*map(midway, subjects), *others])}."


def _opening(share: float, numbers: dict[str, Scalar]) -> str:
    """The verdict on a model; the shares that separate its classes are ours, not the literature's."""
    if share >= 0.95:
        return "Well trained."
    if share >= 0.8:
        return "Mostly well trained."
    if share >= 0.5:
        return "Partly well trained."
    under, over = int(numbers["under_trained"] or 0), int(numbers["over_trained"] or 0)
    return "Mostly under-trained." if under >= over else "Mostly over-trained."


def _reservations(table: Table, fitted: int) -> list[Finding]:
    """What to bear in mind about the fits that are weak, and those that are missing."""
    found = []
    weak = tuple(row.weight.name for row in table.rows if row.value("low_confidence"))
    if weak:
        text = f"{len(weak)} of {counted(fitted, 'fit')} {'rests' if len(weak) == 1 else 'rest'} on little"
        why = "Fewer than 20 eigenvalues in the tail, or fewer than 50 in all: such an α is a hint, not a number."
        found.append(Finding(Severity.NOTE, text, why, weak, {"low_confidence": len(weak)}))
    missing = [row for row in table.rows if row.value("alpha") is None]
    if missing:
        text = f"{counted(len(missing), 'matrix has', 'matrices have')} no tail fit"
        reasons = [f"{row.weight.label}: {row.measurement.note or 'no value'}." for row in missing[:3]]
        more = [f"{len(missing) - 3} more."] if len(missing) > 3 else []
        names = tuple(row.weight.name for row in missing)
        found.append(Finding(Severity.NOTE, text, " ".join(reasons + more), names, {"without_fit": len(missing)}))
    return found
