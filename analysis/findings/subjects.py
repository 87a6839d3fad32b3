"""What a finding speaks of: rows that one sentence can name together, and the words for them."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from analysis.diagnostic import Finding, Row, Scalar, Severity
from analysis.findings.wording import blocks, join_words

ALONE = ("other", "conv")  # roles whose name says little: each is named by itself
EXPERT = re.compile(r"expert (\d+) ")
MOST_NAMED = 4  # experts that a sentence names by their numbers
NAMED = 24  # weights of which a finding carries the numbers


def group_alike(rows: Iterable[Row], verdict: Callable[[Row], Scalar] = lambda _: "") -> list[list[Row]]:
    """Rows of the same checkpoints, role and verdict, in whichever blocks; in the order of their first."""
    found: dict[tuple[Scalar, ...], list[Row]] = defaultdict(list)
    for row in rows:
        info, (kind, _, what) = row.weight, parts(row)
        alone = info.depth is None or info.role in ALONE
        found[(*row.group, verdict(row), info.name if alone else f"{kind} · {EXPERT.sub('expert ', what)}")].append(row)
    return list(found.values())


def parts(row: Row) -> tuple[str, str, str]:
    """("Block", "4", "value") of "Block 4 · value"; ("", "", "Pooler")."""
    place, _, what = row.weight.label.rpartition(" · ")
    kind, _, depth = place.rpartition(" ")
    return (kind, depth, what) if depth.isdigit() else (place, "", what)


def describe_rows(rows: Sequence[Row]) -> tuple[str, str]:
    """What the rows are and where they lie: ("Value", " in blocks 4 and 5"), ("Pooler", "")."""
    kind, _, what = parts(rows[0])
    depths = [int(depth) for _, depth, _ in map(parts, rows) if depth]
    side = kind.lower().removesuffix("block")
    where = f" in {side}{blocks(depths)}" if depths else f" in the {kind.lower()}" if kind else ""
    what = _experts(rows) or what
    return what[:1].upper() + what[1:], where


def _experts(rows: Sequence[Row]) -> str | None:
    """The experts that rows are of, where they are of several: "experts 1 and 3 down", "the gate of 6 experts"."""
    found = [EXPERT.search(parts(row)[2]) for row in rows]
    numbers = sorted({int(match[1]) for match in found if match})
    if len(numbers) < 2 or None in found:
        return None
    before, what = EXPERT.split(parts(rows[0])[2])[0], EXPERT.split(parts(rows[0])[2])[-1]
    if len(numbers) > MOST_NAMED:
        return f"{before}the {what} of {len(numbers)} experts"
    return f"{before}experts {join_words([str(number) for number in numbers])} {what}"


def tell_apart(rows: Sequence[Row]) -> list[str]:
    """Each of some rows in as few words as tell it from the others: its block, or else all of its label."""
    places = [" ".join(part for part in parts(row)[:2] if part) for row in rows]
    whole = [row.weight.label for row in rows]
    return places if len(set(places)) == len(rows) and all(places) else whole


def subject(rows: Sequence[Row]) -> str:
    """What the rows are and where they lie: "Value in blocks 4 and 5", "Pooler"."""
    return "".join(describe_rows(rows))


def number(row: Row, column: str) -> float:
    """The value in a numeric column; NaN where it has none."""
    value = row.value(column)
    return float(value) if isinstance(value, int | float) else math.nan


def evidence(rows: Sequence[Row], *columns: str) -> Mapping[str, Scalar]:
    """The values of one row by column, or of the first of several by weight and column."""
    if len(rows) == 1:
        return {column: rows[0].value(column) for column in columns}
    return {f"{row.weight.name}.{column}": row.value(column) for row in rows[:NAMED] for column in columns}


def names(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(row.weight.name for row in rows)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In order of severity, otherwise as they are."""
    return tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity)))


def unmeasured_findings(rows: Sequence[Row], column: str, what: str) -> list[Finding]:
    """A note on the rows without a value in a column, with the first reasons; none where all have one."""
    missing = [row for row in rows if row.value(column) is None]
    if not missing:
        return []
    noun = "matrix has" if len(missing) == 1 else "matrices have"
    reasons = [f"{row.weight.label}: {(row.measurement.note or 'no value').removesuffix('.')}." for row in missing[:3]]
    more = [f"{len(missing) - 3} more."] if len(missing) > 3 else []
    text = f"{len(missing)} {noun} no {what}"
    return [Finding(Severity.NOTE, text, " ".join(reasons + more), names(missing), {"missing": len(missing)})]
