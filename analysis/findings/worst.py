"""Which layers of a large model findings speak of, in a sentence: how many of each role, and the worst by name.

A small report is read whole; of a thousand layers the headline has to say where to begin.
"""

from collections import Counter
from collections.abc import Sequence

from analysis.diagnostic import Finding, Row, Severity
from analysis.findings.subjects import ALONE, EXPERT, parts, worst_first
from analysis.findings.wording import join_words, lower_first

LARGE = 150  # matrices from which on a headline names layers: the pages hold a part of so long a table
NAMED, ROLES = 3, 4  # layers, and roles


def name_worst(rows: Sequence[Row], findings: Sequence[Finding]) -> str:
    """As in: By role: 9 query and 2 MLP up. Worst: block 2 · query, … . "" of a small model, or where none is bad."""
    row_of = {row.weight.name: row for row in rows}
    if len(row_of) < LARGE:
        return ""
    serious = [finding for finding in worst_first(findings) if finding.severity is not Severity.NOTE]
    names = dict.fromkeys(name for finding in serious for name in finding.weights if name in row_of)
    flagged = [row_of[name] for name in names]
    if not flagged:
        return ""
    labels = join_words([lower_first(row.weight.label) for row in flagged[:NAMED]])
    if len(flagged) <= NAMED:
        return f"Look at {labels}."
    return f"By role: {_count_roles(flagged)}. Worst: {labels}."


def _count_roles(rows: Sequence[Row]) -> str:
    """How many of each role, the most first: "9 query, 2 MLP up and 3 of 2 more roles"."""
    counts = Counter(map(_name_role, rows)).most_common()
    shown = counts if len(counts) == ROLES + 1 else counts[:ROLES]
    left = counts[len(shown) :]
    rest = [f"{sum(count for _, count in left)} of {len(left)} more roles"] if left else []
    return join_words([*(f"{count} {role}" for role, count in shown), *rest])


def _name_role(row: Row) -> str:
    """What a layer is, without its block and the number of its expert; "other" of one whose name says no more."""
    role = row.weight.role
    if role in ALONE:
        return "convolution" if role == "conv" else role
    return lower_first(EXPERT.sub("expert ", parts(row)[2]))
