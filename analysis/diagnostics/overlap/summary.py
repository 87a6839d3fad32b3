"""What a table of overlaps says in words: whether two updates changed the same things."""

import math
from collections.abc import Sequence

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.diagnostics.overlap.merges import merge_findings
from analysis.findings.changes import OPPOSED, SHARED
from analysis.findings.grouping import group_rows, having, medians, middle
from analysis.findings.subjects import names, number, unmeasured_findings, worst_first
from analysis.findings.wording import percent, quantity, short
from analysis.linalg.subspaces import chance_deviation

SURE = 3.0  # standard deviations of chance above it, of the mean over all matrices
UNRELATED = 0.32  # the most that unrelated tasks shared in one trial (docs/evidence.md)
USUAL = (
    "In one trial, whose runs are not in the repository, unrelated tasks shared 27 to 32 % (chance 6 %), the same "
    "task from another seed 72 %."
)
MOSTLY = 0.5  # half: from there on two updates share most of their directions
SAME, AGAINST = 0.999, -0.2  # cosines
ENOUGH = 3  # matrices below which a comparison rests on little
BLURRED = 0.5  # chance from which on an overlap can say nothing
COLUMNS = (
    "left_overlap",
    "right_overlap",
    "chance_left",
    "chance_right",
    "cosine",
    "smallest_angle",
    "chordal_distance",
    "interference_block",
    "interference_diagonal",
    "interference_removed",
    "signature",
)


def summarise(table: Table) -> Summary:
    groups = {group: rows for group, rows in group_rows(table.rows).items() if having(rows, "left_overlap")}
    phrases = [_in_short(table, group, rows) for group, rows in groups.items()]
    findings = [finding for group, rows in groups.items() for finding in _findings(table, group, rows)]
    missing = unmeasured_findings(table.rows, "left_overlap", "overlap")
    numbers: dict[str, Scalar] = {"comparisons": len(groups), "matrices": len(having(table.rows, "left_overlap"))}
    return Summary(
        f"{'; '.join(phrases[:3])}{f'; {len(phrases) - 3} more' if len(phrases) > 3 else ''}."
        if phrases
        else "No two updates can be compared.",
        numbers | {f"median_{name}": value for name, value in medians(table.rows, COLUMNS[:5]).items()},
        worst_first([*findings, *merge_findings(table, groups), *missing]),
        {group: _numbers(rows) for group, rows in groups.items()},
    )


def _numbers(rows: Sequence[Row]) -> dict[str, Scalar]:
    return {"matrices": len(having(rows, "left_overlap")), **medians(rows, COLUMNS), "above_chance": deviations(rows)}


def deviations(rows: Sequence[Row]) -> float | None:
    """By how many standard deviations of chance the mean overlap of the outputs exceeds chance.

    None where no row leaves room for more than chance.
    """
    open_ = [row for row in having(rows, "left_overlap") if number(row, "chance_left") < BLURRED]
    if not open_:
        return None
    excess = sum(number(row, "left_overlap") - number(row, "chance_left") for row in open_)
    variance = sum(_deviation(row) ** 2 for row in open_)
    return excess / math.sqrt(variance) if variance > 0.0 else None


def _deviation(row: Row) -> float:
    i, j = int(number(row, "first_directions")), int(number(row, "second_directions"))
    return chance_deviation(i, j, row.weight.rows)


def _in_short(table: Table, group: tuple[int, ...], rows: Sequence[Row]) -> str:
    if _foreign(rows):
        return f"{_pair_in_words(table, group)} do not both stem from {table.name_at(0)}"
    return f"{_pair_in_words(table, group)} share {percent(middle(rows, 'left_overlap') or 0.0)} of their {_what(rows)}"


def _pair_in_words(table: Table, group: tuple[int, ...]) -> str:
    return f"{table.name_at(group[1])} and {table.name_at(group[2])}"


def _what(rows: Sequence[Row]) -> str:
    """The directions compared: "8 leading output directions"; the fewer ones where the two differ."""
    counts = [min(number(row, "first_directions"), number(row, "second_directions")) for row in rows]
    count = int(max(counts))
    return "leading output direction" if count == 1 else f"{count} leading output directions"


def _findings(table: Table, group: tuple[int, ...], rows: Sequence[Row]) -> list[Finding]:
    measured_rows = having(rows, "left_overlap")
    share, chance = middle(measured_rows, "left_overlap") or 0.0, middle(measured_rows, "chance_left") or 0.0
    cosine = middle(measured_rows, "cosine") or 0.0
    text = f"The updates of {_pair_in_words(table, group)} share {percent(share)} of their {_what(measured_rows)}"
    why = [f"Median of {quantity(len(measured_rows), 'matrix', 'matrices')}; chance is {percent(chance)}."]
    excess = deviations(measured_rows)
    why.append(f"The cosine of the two updates is {short(cosine)}.".replace("-", "−"))
    why.append(USUAL)
    if len(measured_rows) < ENOUGH:
        why.append("Few matrices: read it as a direction.")
    facts = {**medians(measured_rows, COLUMNS[:5]), "above_chance": excess, "matrices": len(measured_rows)}
    finding = Finding(
        Severity.NOTE,
        f"{text}: {_verdict(measured_rows, share, cosine, excess)}",
        " ".join(why),
        names(measured_rows),
        facts,
        SHARED,
    )
    return [finding, *_opposition_findings(table, group, measured_rows)]


def _verdict(rows: Sequence[Row], share: float, cosine: float, above: float | None) -> str:
    if _foreign(rows):
        return "that means nothing, for one of them does not stem from the base"
    if cosine > SAME:
        return "it is the same update"
    if cosine < -SAME:
        return "it is the same update with the opposite sign"
    if above is None:
        return "the matrices are too small to tell that from chance"
    if above < SURE:
        return "no more than chance, they changed different things"
    if share <= UNRELATED:
        return "above chance, and no more than unrelated tasks shared in one trial"
    if cosine < AGAINST:
        return "they use the same directions against each other"
    return "they changed mostly the same" if share >= MOSTLY else "above chance, and less than half"


def _foreign(rows: Sequence[Row]) -> bool:
    """Whether one of the two shares nothing with the base in half of the matrices or more."""
    compared_rows = having(rows, "left_overlap")
    return 2 * sum(row.value("foreign") is True for row in compared_rows) >= len(compared_rows)


def _opposition_findings(table: Table, group: tuple[int, ...], rows: Sequence[Row]) -> list[Finding]:
    """Updates that undo each other in half of the matrices or more."""
    opposed_rows = [row for row in rows if number(row, "cosine") < AGAINST]
    if 2 * len(opposed_rows) < len(rows):
        return []
    text = f"{_pair_in_words(table, group)} work against each other in {len(opposed_rows)} of {len(rows)} matrices"
    why = f"The cosine of their updates is below {AGAINST:g} there: merged, each undoes part of the other."
    return [
        Finding(
            Severity.WARN,
            text,
            why.replace("-", "−"),
            names(opposed_rows),
            {"cosine": middle(opposed_rows, "cosine")},
            OPPOSED,
        )
    ]
