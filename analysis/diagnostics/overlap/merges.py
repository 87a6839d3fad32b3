"""Whether one tuned checkpoint is a merge of two others: its updates lie in the plane of theirs, between them.

A weighted sum ΔW = s ΔW₁ + t ΔW₂ lies in that plane wholly, a SLERP of near weights almost, and merges that drop
entries (TIES, DARE) in part; so does one of the two, trained on with the other's task. The share that does follows from
the three cosines alone. The bounds were chosen on few made merges (benchmarks/truth/merges.py, docs/truth.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import median

from analysis.diagnostic import Finding, Row, Severity, Table
from analysis.findings.changes import MERGE
from analysis.findings.grouping import having
from analysis.findings.subjects import number
from analysis.findings.wording import percent, quantity

MERGED = 0.85  # of the squared norm in the plane, from which on it is a merge: continuations had 0.65, sums 0.997
PART = 0.15  # from which on it has much of both: others had 0.01, DARE that drops four fifths 0.2
APART = 0.5  # of its lesser cosine, what the two may have with each other: more, and all may be runs of one task
EVEN = 0.5  # of its greater cosine, what the lesser is: sparse merges had 0.63 and more, one trained longer 0.34
EACH = 0.05  # what each of the two adds to the other's share: less, and it is a continuation of one of them
ENOUGH = 3  # matrices below which nothing is said
PARALLEL = 0.99  # cosine of two updates that span no plane

Groups = Mapping[tuple[int, ...], Sequence[Row]]


def share_between(to_one: float, to_other: float, between: float) -> float:
    """The share of the squared norm of an update within the plane of two others; 0 where it does not lie between them.

    Takes the cosines of the update with each, and that of the two. Of three that are as like each other, such as runs
    of one task, none lies between the others unless wholly.
    """
    if abs(between) > PARALLEL:
        return 0.0
    sides = to_one - to_other * between, to_other - to_one * between  # the two weights, up to positive factors
    share = (to_one**2 + to_other**2 - 2.0 * to_one * to_other * between) / (1.0 - between**2)
    adds_each = min(share - to_one**2, share - to_other**2)
    less, more = sorted((to_one, to_other))
    is_between = share >= MERGED or (between <= APART * less and less >= EVEN * more)
    return min(share, 1.0) if min(sides) > 0.0 and adds_each >= EACH and is_between else 0.0


def merge_findings(table: Table, groups: Groups) -> Iterator[Finding]:
    """A note on each checkpoint that is a merge of two of the others, wholly or in part."""
    cosines = {group[1:]: _cosines(rows) for group, rows in groups.items()}
    members = sorted({member for pair in cosines for member in pair})
    for three in combinations(members, 3):
        found = [(merged, shares) for merged in three if (shares := _shares(merged, three, cosines))]
        for merged, shares in found:
            if median(shares) >= PART:
                one, other = (member for member in three if member != merged)
                yield _merge(table, merged, one, other, shares)


def _cosines(rows: Sequence[Row]) -> dict[str, float]:
    return {row.weight.name: number(row, "cosine") for row in having(rows, "cosine")}


def _shares(merged: int, three: tuple[int, ...], cosines: Mapping[tuple[int, ...], Mapping[str, float]]) -> list[float]:
    """Of each weight that all three changed."""
    one, other = (member for member in three if member != merged)
    pairs = [cosines.get((min(pair), max(pair)), {}) for pair in ((merged, one), (merged, other), (one, other))]
    names = [name for name in pairs[0] if all(name in pair for pair in pairs)]
    shares = [share_between(*(pair[name] for pair in pairs)) for name in names]
    return shares if len(shares) >= ENOUGH else []


def _merge(table: Table, merged: int, one: int, other: int, shares: Sequence[float]) -> Finding:
    whose = f"{table.name_at(one)} and {table.name_at(other)}"
    share = median(shares)
    text = f"{table.name_at(merged)} lies between {whose}, as a merge of them does"
    why = (
        f"{percent(share)} of the squared size of its update is a sum of positive parts of theirs, as the median of "
        f"{quantity(len(shares), 'matrix', 'matrices')}."
    )
    why += " So may it be where one of them was trained on with the other's task."
    if share < MERGED:
        text = f"{table.name_at(merged)} has much of both {whose}"
        why += " Merges that drop entries (TIES, DARE) have it."
    return Finding(Severity.NOTE, text, why, (), {"share": share, "matrices": len(shares)}, MERGE)
