"""What is said of changes that are no training: each kind in one sentence that names the weights."""

from collections.abc import Sequence

from analysis.diagnostic import Cause, Finding, Row, Severity
from analysis.diagnostics.update import kinds
from analysis.diagnostics.update.origin import LINES, PERMUTED, REORDERED, TRANSPOSED
from analysis.findings import causes, changes
from analysis.findings.grouping import middle
from analysis.findings.subjects import names, places
from analysis.findings.wording import percent

SAID: dict[str, tuple[Severity, Cause, str, str]] = {
    kinds.CAST: (
        Severity.NOTE,
        changes.CAST,
        "the base rounded to half precision",
        "Rounding the base gives every entry: this is no training. Its directions and rank are those of rounding.",
    ),
    kinds.QUANTISED: (
        Severity.NOTE,
        causes.QUANTISED,
        "the base rounded to a grid of 8 bits or fewer",
        "No entry moved by more than half a step: this is no training. Its directions and rank are those of rounding.",
    ),
    kinds.PRUNED: (
        Severity.NOTE,
        causes.PRUNED,
        "the base with entries set to 0",
        "Every other entry is the base's: this is no training.",
    ),
    kinds.ZEROED: (Severity.BAD, causes.ZERO, "all zeros, and the base is not", "Nothing passes through."),
    kinds.SCALED: (
        Severity.WARN,
        changes.SCALED,
        "the base times a factor",
        "The update points along the base itself: no direction is new, only the size changed.",
    ),
    LINES: (
        Severity.NOTE,
        changes.LINES,
        "the base with each row or column times a factor",
        "So it is where the gain of a norm is folded into the next layer, and where units change their sign. Where the "
        "layer or norm beside it has the inverse, the function is the same.",
    ),
    PERMUTED: (
        Severity.WARN,
        changes.PERMUTED,
        "the base in another order",
        "The same rows and columns stand in other places. Where all layers that share the units have the new order, "
        "the function is the same: nothing was forgotten, and intruders and sizes mean nothing here.",
    ),
    REORDERED: (
        Severity.WARN,
        changes.PERMUTED,
        "the base in another order, and changed",
        "Its rows or columns, as those of heads or hidden units, stand in other places, each near one of the base's. "
        "Sizes, ranks and intruders here are those of the order: undo it, then compare.",
    ),
    TRANSPOSED: (
        Severity.WARN,
        changes.PERMUTED,
        "the base transposed",
        "Rows and columns changed places, as where inputs stand first in one of the two files.",
    ),
    kinds.PARTLY_NEW: (
        Severity.WARN,
        changes.PARTLY_NEW,
        "in some rows or columns new, and in the others the base",
        "These have no more in common with the base's than chance gives, and the others stayed near. Size, rank and "
        "intruders of such a matrix are those of the new lines, and say nothing of training.",
    ),
    kinds.NOISE: (
        Severity.WARN,
        changes.NOISE,
        "the base with what looks like independent noise",
        "No direction of the update stands above independent numbers of its size: nothing of a task is in it.",
    ),
}


def is_untrained(row: Row) -> bool:
    """Whether the row's change says nothing of training."""
    return row.value("change") in kinds.UNTRAINED


def kind_findings(rows: Sequence[Row], tuned: str) -> list[Finding]:
    """One finding for each kind of change among the rows that is none of training; new weights are said elsewhere."""
    findings = []
    for kind, (severity, cause, what, why) in SAID.items():
        some = [row for row in rows if row.value("change") == kind]
        if some:
            if kind == kinds.PARTLY_NEW and all(row.weight.depth is None for row in some):
                severity = Severity.NOTE  # added tokens or classes
            text = f"{tuned}: {places(some)} {'is' if len(some) == 1 else 'are'} {what}"
            facts = {kind: len(some), "relative_norm": middle(some, "relative_norm")}
            why += _size(kind, facts["relative_norm"])
            findings.append(Finding(severity, text, why, names(some), facts, cause))
    return findings


def _size(kind: str, relative_norm: float | None) -> str:
    """How far the rows moved, in a sentence; "" where what moved is the places of lines."""
    return f" Median size of the change: {percent(relative_norm)}." if relative_norm and kind not in kinds.MOVED else ""
