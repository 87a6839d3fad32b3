"""What is said where a tuned checkpoint has the matrices of its base, or of another tuned one."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from analysis.diagnostic import Finding, Row, Scalar, Severity, Table
from analysis.diagnostics.update.origin import ADAPTER, FACTORS
from analysis.errors import escape
from analysis.findings.changes import REPEATED_STEP, SAME, VECTORS_ONLY
from analysis.findings.grouping import having
from analysis.findings.subjects import names, number
from analysis.findings.wording import join_words, quantity
from analysis.other_tensors import OtherTensors

EXACT = ("norm", "cosine", "delta_sigma", "effective_rank", "spectral_ratio", "unchanged")  # equal for equal weights
LISTED = 4  # tensors that a sentence names


def others_of(table: Table, position: int) -> OtherTensors | None:
    """How the tensors that are no matrices compare with the base's; None where nobody looked."""
    return table.others[position] if position < len(table.others) else None


def same_in_short(rows: Sequence[Row], tuned: str, base: str, others: OtherTensors | None) -> str:
    """Of rows of which none that could be compared changed."""
    zero = having(rows, "norm")
    if all(row.value("stored_as") in (FACTORS, ADAPTER) for row in zero):
        return f"{tuned} changes nothing: its update is zero"
    if len(zero) < len(rows):
        return f"{tuned} has the same values as {base} in {len(zero)} of {len(rows)} matrices"
    if others is None:
        return f"{tuned} has the same matrices as {base}"
    if others.changed:
        return f"{tuned} has the same matrices as {base} and changed {quantity(len(others.changed), 'other tensor')}"
    return f"{tuned} is identical to {base}" if others.are_equal else f"{tuned} has the same matrices as {base}"


def same_finding(rows: Sequence[Row], tuned: str, base: str, others: OtherTensors | None) -> Finding:
    """Every matrix that could be compared is the base's: what that means hangs on the other tensors."""
    zero = having(rows, "norm")
    matrices = quantity(len(zero), "matrix", "matrices")
    facts: dict[str, Scalar] = {"zero": len(zero)}
    if all(row.value("stored_as") in (FACTORS, ADAPTER) for row in zero):
        text = f"{tuned} changes nothing: its update is zero in {matrices}"
        why = "One of its factors is zero, as before the first step: not trained, or saved without what it learned."
        return Finding(Severity.WARN, text, why, names(zero), facts, SAME)
    if len(zero) < len(rows):
        text = f"{tuned} has the same values as {base} in {len(zero)} of {len(rows)} matrices"
        why = f"{quantity(len(rows) - len(zero), 'other')} could not be compared."
        return Finding(Severity.NOTE, text, why, names(zero), facts, SAME)
    if others is None:
        text = f"{tuned} has the same values as {base} in {matrices}"
        why = "Norms, biases and other vectors were not compared: whether those were trained is not known."
        return Finding(Severity.WARN, text, why, names(zero), facts, SAME)
    facts |= {"others_same": others.same, "others_changed": len(others.changed), "others_alone": len(others.alone)}
    if others.changed:
        text = f"{tuned} changed {quantity(len(others.changed), 'other tensor')} and none of {matrices}"
        why = f"Changed: {_list_some(others.changed)}."
        return Finding(Severity.NOTE, text, why, others.changed, facts, VECTORS_ONLY)
    if not others.are_equal:
        text = f"{tuned} has the same values as {base} in {matrices}"
        parts = [f"In only one of them: {_list_some(others.alone)}."] if others.alone else []
        if others.unread:
            facts |= {"others_unread": len(others.unread)}
            parts.append(f"Not compared: {_list_some(others.unread)}.")
        why = " ".join([f"All {'other ' if others.unread else ''}tensors that both have are equal.", *parts])
        return Finding(Severity.WARN, text, why, names(zero), facts, SAME)
    also = f" and {quantity(others.same, 'other tensor')}" if others.same else ""
    text = f"{tuned} is identical to {base} in {matrices}{also}"
    why = "Every value is the same: nothing was trained, or the same weights were given twice."
    return Finding(Severity.WARN, text, why, names(zero), facts, SAME)


def _list_some(tensors: Sequence[str]) -> str:
    some = [escape(name) for name in tensors[:LISTED]]
    return join_words([*some, f"{len(tensors) - LISTED} more"] if len(tensors) > LISTED else some)


def repeated_findings(table: Table, pairs: dict[tuple[int, ...], list[Row]]) -> Iterator[Finding]:
    """Two tuned checkpoints whose updates are equal to the last digit in every weight, and not zero."""
    exact = {group[-1]: _exact(rows) for group, rows in pairs.items()}
    for one, other in combinations(sorted(exact), 2):
        if exact[one] and exact[one] == exact[other]:
            yield _repetition(table, one, other, len(exact[one]))


def _exact(rows: Sequence[Row]) -> list[tuple[Scalar, ...]]:
    """Empty where nothing changed, or values are missing that would tell two updates apart."""
    measured_rows = having(rows, "norm")
    if not any(number(row, "norm") > 0.0 for row in measured_rows) or any(
        row.value("delta_sigma") is None for row in rows
    ):
        return []
    return sorted(
        ((row.weight.name, *map(row.value, EXACT)) for row in measured_rows), key=lambda values: str(values[0])
    )


def _repetition(table: Table, one: int, other: int, count: int) -> Finding:
    first, second = table.name_at(one), table.name_at(other)
    ours, theirs = others_of(table, one), others_of(table, other)
    matrices = quantity(count, "matrix", "matrices")
    text = f"{first} and {second} are the same in {matrices}"
    why = "Every measured number of their updates is equal to the last digit."
    if ours is not None and theirs is not None:
        equal, all_read = ours.digest == theirs.digest, not ours.unread and not theirs.unread
        those = "all other tensors" if all_read else "all other tensors that were compared"
        why += f" So are {those}." if equal else " Other tensors, such as norms and biases, differ."
    else:
        why += " Norms, biases and other vectors were not compared."
    return Finding(Severity.WARN, text, why, (), {"matrices": count}, REPEATED_STEP)
