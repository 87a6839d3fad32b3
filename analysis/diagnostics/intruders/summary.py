"""What a table of intruder dimensions says in words: how many each tuned checkpoint has, where, and what to doubt."""

from collections.abc import Sequence

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.diagnostics.update.kind_findings import is_untrained, kind_findings
from analysis.diagnostics.update.kinds import NEW, NONE
from analysis.findings.changes import INTRUDERS, WRONG_BASE
from analysis.findings.grouping import group_rows, having, middle
from analysis.findings.subjects import group_alike, names, number, subject, unmeasured_findings, worst_first
from analysis.findings.wording import join_clauses, lower_first, quantity

MOST = 0.5  # of the intruders in a few matrices of one kind: then that is where most are
HEAVIEST = 0.75  # of the intruders of that kind, that the blocks named hold
LOWER = 0.1  # below ε: an intruder that is gone there was one by a little
BARELY = 0.5  # of the intruders gone there: the count hangs on ε
ENOUGH = 3  # matrices below which a count over a model says little
NOTHING = 0.9  # of all directions new, in a median matrix: nothing of the base leads any more
OUTWEIGHED = (
    "All but all leading directions are new: the adapter's change outweighs the base. That is no proof of another "
    "base. Check its scaling, alpha / r, and how it was trained."
)
FORGETTING = (
    "Runs with more of them forgot more in one experiment of the source (Spearman 0.97) and less clearly in another "
    "(0.59, LLaMA-2 7B); with accuracy on the task there was no significant link. The size of the update explains as "
    "much: 0.92 over our 18 runs of LoRA, 0.70 with 4 full ones. A lower rate made fewer; more rank helps only where α "
    "grows with r."
)


def summarise(table: Table) -> Summary:
    pairs = group_rows(table.rows)
    findings = [finding for group, rows in pairs.items() for finding in _findings(table, group, rows)]
    missing = unmeasured_findings(table.rows, "count", "directions to compare")
    return Summary(
        _headline(table, pairs),
        {"pairs": len(pairs), **_numbers(table.rows)},
        worst_first([*findings, *missing]),
        {group: _numbers(rows) for group, rows in pairs.items()},
    )


def _numbers(rows: Sequence[Row]) -> dict[str, Scalar]:
    """None where no matrix was compared: nobody looked, so there may be any number."""
    compared_rows = rows_to_count(rows)
    if not compared_rows:
        names = ("intruders", "guarded", "matrices", "matrices_with", "directions", "median_lowest_match")
        return dict.fromkeys(names) | {"matrices": 0}
    return {
        "intruders": _total(compared_rows, "count"),
        "guarded": _total(compared_rows, "count_guarded"),
        "matrices": len(compared_rows),
        "matrices_with": len(_rows_with_intruders(compared_rows)),
        "directions": _total(compared_rows, "k"),
        "median_lowest_match": middle(compared_rows, "lowest_match"),
    }


def rows_to_count(rows: Sequence[Row]) -> list[Row]:
    """The rows of one pair over which intruders are counted: without those whose change is none of training.

    Of a pair of unrelated models all are new, and all are counted.
    """
    compared_rows = having(rows, "count")
    return compared_rows if _strange(compared_rows) else [row for row in compared_rows if not is_untrained(row)]


def _total(rows: Sequence[Row], column: str) -> int:
    return int(sum(number(row, column) for row in rows))


def _rows_with_intruders(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows_to_count(rows) if number(row, "count") > 0.0]


def _headline(table: Table, pairs: dict[tuple[int, ...], list[Row]]) -> str:
    """The checkpoints with the most intruders first: where there are many, the others are only counted."""
    compared = {group: rows for group, rows in pairs.items() if having(rows, "count")}
    clauses = [
        (float(_total(rows_to_count(rows), "count")), _in_short(table, group, rows)) for group, rows in compared.items()
    ]
    return join_clauses(clauses) or "No directions could be compared."


def _in_short(table: Table, group: tuple[int, ...], rows: Sequence[Row]) -> str:
    tuned, compared = table.name_at(group[-1]), having(rows, "count")
    if _strange(rows_to_count(compared)):
        return f"{tuned} leads in none of the directions of {table.name_at(0)}"
    if all(row.value("change") == NONE for row in compared):
        return f"{tuned}: nothing changed in {quantity(len(compared), 'matrix', 'matrices')}"
    return f"{tuned}: {_amount(rows)}"


def _amount(rows: Sequence[Row]) -> str:
    """As in: 31 intruder dimensions in 17 of 36 matrices."""
    compared_rows = rows_to_count(rows)
    if not compared_rows:
        return "no matrix whose change is one of training"
    total, matrices = _total(compared_rows, "count"), quantity(len(compared_rows), "matrix", "matrices")
    if not total:
        return f"no intruder dimension in {matrices}"
    return f"{quantity(total, 'intruder dimension')} in {len(_rows_with_intruders(compared_rows))} of {matrices}"


def _findings(table: Table, group: tuple[int, ...], rows: Sequence[Row]) -> list[Finding]:
    tuned, compared_rows = table.name_at(group[-1]), rows_to_count(rows)
    odd = kind_findings([row for row in having(rows, "count") if row not in compared_rows], tuned)
    if not compared_rows:
        return odd
    if _strange(compared_rows):
        return [_no_match_finding(compared_rows, tuned, table.name_at(0))]
    if all(row.value("change") == NONE for row in compared_rows):
        return odd
    if not _rows_with_intruders(compared_rows):
        text = f"{tuned} adds {_amount(compared_rows)}"
        why = f"The fine-tuned weight leads in the directions in which the base led.{_count_in_words(compared_rows)}"
        return [Finding(Severity.NOTE, text, why, (), _numbers(compared_rows), INTRUDERS), *odd]
    return [_some(compared_rows, tuned), *odd]


def _strange(rows: Sequence[Row]) -> bool:
    """Whether all but all directions of a usual matrix are new: what two unrelated models look like."""
    rows = [row for row in rows if not is_untrained(row) or row.value("change") == NEW]
    return len(rows) >= ENOUGH and (middle(rows, "count") or 0.0) >= NOTHING * (middle(rows, "k") or 1.0)


def _no_match_finding(rows: Sequence[Row], tuned: str, base: str) -> Finding:
    text = f"{tuned} leads in none of the directions of {base}: {_amount(rows)}"
    new = names(_rows_with_intruders(rows))
    if all(row.value("of_adapter") is True for row in rows):
        return Finding(Severity.WARN, text, OUTWEIGHED, new, _numbers(rows), INTRUDERS)
    why = (
        "All but all leading directions are new, as between unrelated models. Either this is not the base that it was "
        "tuned from, or next to nothing of it is left; the count is no count of intruders then."
    )
    return Finding(Severity.BAD, text, why, new, _numbers(rows), WRONG_BASE)


def _some(rows: Sequence[Row], tuned: str) -> Finding:
    """All that lie in clusters of the base only rotated: that is a note, and no warning."""
    num_guarded, total = _total(rows, "count_guarded"), _total(rows, "count")
    text = f"{tuned} adds {_amount(rows)}{_place_in_words(rows)}"
    num_rotated = total - num_guarded
    parts = (
        [FORGETTING]
        if num_guarded
        else ["They only rotated among base directions of nearly equal strength: none is new."]
    )
    if num_guarded and num_rotated:
        parts.append(f"{num_rotated} of them only rotated among base directions of nearly equal strength.")
    parts.extend(filter(None, [_margin_in_words(rows, total), _count_in_words(rows).strip()]))
    severity = Severity.WARN if num_guarded else Severity.NOTE
    return Finding(severity, text, " ".join(parts), names(_rows_with_intruders(rows)), _numbers(rows), INTRUDERS)


def _place_in_words(rows: Sequence[Row]) -> str:
    """Where most are: ", most in MLP down in blocks 4 and 5"; of a single matrix, which it is."""
    if len(rows) == 1:
        return f": {rows[0].weight.label}"
    kinds = sorted(group_alike(_rows_with_intruders(rows)), key=lambda some: -_total(some, "count"))
    if len(kinds) > 1 and _total(kinds[0], "count") == _total(kinds[1], "count"):
        return ""  # no kind has more than the next
    kind = kinds[0]
    heaviest = _heaviest(kind)
    share = _total(heaviest, "count") / _total(rows, "count")
    word = "all" if share == 1.0 else "most" if share > MOST else "the largest share"
    return f", {word} in {lower_first(subject(heaviest))}"


def _heaviest(rows: Sequence[Row]) -> list[Row]:
    """The fewest rows that hold HEAVIEST of the intruders among them and those with as many, in the table's order."""
    goal, subtotal, count = HEAVIEST * _total(rows, "count"), 0.0, 0.0
    for count in sorted((number(row, "count") for row in rows), reverse=True):
        subtotal += count
        if subtotal >= goal:
            break
    return [row for row in rows if number(row, "count") >= count]


def _margin_in_words(rows: Sequence[Row], total: int) -> str:
    """What to say where most would be gone at a slightly lower ε; "" where they would not."""
    epsilon = number(rows[0], "epsilon")
    if any("sweep_epsilon" not in row.measurement.curves for row in rows):
        return ""  # a service's reports see no curves
    num_left = sum(_count_at(row, epsilon - LOWER) for row in rows)
    if epsilon < 2.0 * LOWER or num_left > BARELY * total:
        return ""
    return f"Thin evidence: at ε = {epsilon - LOWER:.2g} only {num_left} of {total} are left."


def _count_at(row: Row, epsilon: float) -> int:
    """The count at the largest swept threshold that is no higher."""
    curves = row.measurement.curves
    counts = [
        int(n) for e, n in zip(curves["sweep_epsilon"], curves["sweep_count"], strict=True) if e <= epsilon + 1e-6
    ]
    return counts[-1] if counts else 0


def _count_in_words(rows: Sequence[Row]) -> str:
    return f" Thin evidence: only {quantity(len(rows), 'matrix', 'matrices')} compared." if len(rows) < ENOUGH else ""
