"""How much of several checkpoints a report speaks of: for each what was analysed, what was left out, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analysis.diagnostic import Scope, Table
from analysis.report import Coverage, Skipped, coverage, failures, together
from analysis.tensors.matching import Alignment, Member

ALONE = "in no other checkpoint of this run"


def covered(
    members: Sequence[Member],
    alignment: Alignment,
    tables: Sequence[Table],
    unfinished: Mapping[int, Mapping[str, str]] | None = None,
) -> Coverage:
    """The coverage of a run of several checkpoints, with that of each.

    `unfinished` maps the tensors without rows to the reason: by position the base's for 0, else the checkpoint's own.
    """
    waiting = unfinished or {}
    parts = [
        _of_base(members[0], alignment, tables, waiting.get(0, {})),
        *(_of_tuned(members, alignment, tables, waiting, position) for position in range(1, len(members))),
    ]
    return together(parts)


def _of_base(base: Member, alignment: Alignment, tables: Sequence[Table], waiting: Mapping[str, str]) -> Coverage:
    lonely = {} if _any_alone(tables) else {r.base.name: ALONE for r in alignment.rows if not any(r.partners)}
    return coverage(base.tensors, {**failures(_with(tables, 0)), **waiting, **lonely})


def _of_tuned(
    members: Sequence[Member],
    alignment: Alignment,
    tables: Sequence[Table],
    waiting: Mapping[int, Mapping[str, str]],
    position: int,
) -> Coverage:
    member, matched = members[position], alignment.tensors_of(position)
    failed = {**failures(_with(tables, position)), **waiting.get(0, {})}
    reasons = {own: failed[base] for own, base in matched.items() if base in failed}
    for tensor, reason in alignment.unmatched[position - 1]:
        if member.kind == "adapter" or not _any_alone(tables):
            reasons[tensor] = reason
        elif found := waiting.get(position, {}).get(tensor) or failed.get(tensor):
            reasons[tensor] = found
    own = member.tensors
    if member.kind == "adapter":  # its tensors count by what they change, and not by what they look like themselves
        own = [replace(info, skip=None) for info in own]
    missing = alignment.missing[position - 1]
    shapes = {row.base.name: row.base.shape for row in alignment.rows}
    return replace(
        coverage(own, reasons), missing=tuple(Skipped(name, shapes[name], reason) for name, reason in missing)
    )


def _any_alone(tables: Sequence[Table]) -> bool:
    return any(table.diagnostic.scope is Scope.ONE for table in tables)


def _with(tables: Sequence[Table], position: int) -> list[Table]:
    """The tables with only the rows of groups that this checkpoint is in."""
    return [replace(table, rows=tuple(row for row in table.rows if position in row.group)) for table in tables]
