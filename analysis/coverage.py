"""How much of the checkpoints a report speaks of: for each what was analysed, what was left out, and why."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.diagnostic import Scope, Table, without_name
from analysis.tensors.constants import REASONS
from analysis.tensors.gains import ALL_ZERO, OF_SIBLINGS
from analysis.tensors.listing import BROKEN, NO_WEIGHT, OF_OTHER
from analysis.tensors.matching import Alignment, Member
from analysis.weight import TensorInfo

NOT_FINITE = "values that are NaN or infinite"
LEAST = 0.5  # of the weights' parameters: a verdict about less would be one about another model
ALONE = "in no other checkpoint of this run"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A tensor that was left out, and why."""

    tensor: str
    shape: tuple[int, ...]
    reason: str

    @property
    def plain_reason(self) -> str:
        """The reason where the tensor's name stands beside it already: without that."""
        return without_name(self.reason, self.tensor)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the checkpoints a report speaks of. A report starts with it."""

    tensors: int
    analysed: int
    parameters: int
    analysed_parameters: int
    skipped: tuple[Skipped, ...]
    missing: tuple[Skipped, ...] = ()  # of a tuned checkpoint: the base's matrices that it has no partner of
    members: tuple["Coverage", ...] = ()  # of several checkpoints: each by itself, in their order

    @property
    def weights(self) -> int:
        """Parameters of the model's weights: without what is set aside as no weight."""
        non_weights = sum(math.prod(entry.shape) for entry in self.skipped if NO_WEIGHT in entry.reason)
        return max(self.parameters - non_weights, self.analysed_parameters)

    @property
    def unread(self) -> str | None:
        """What stands in place of a verdict where less than half of the weights' parameters were read; else None."""
        broken = sum(math.prod(entry.shape) for entry in self.skipped if entry.reason.endswith(BROKEN))
        if self.members or not self.skipped or self.analysed_parameters + broken >= LEAST * max(1, self.weights):
            return None
        if not self.weights:
            (reason, _), *_ = self.reasons()
            return f"The file holds no weight to analyse. Most tensors are left out with the reason: {reason}."
        reasons = Counter(entry.reason for entry in self.skipped if NO_WEIGHT not in entry.reason)
        why = f" Most are left out with the reason: {reasons.most_common(1)[0][0]}." if reasons else ""
        return f"{self.analysed_parameters:,} of {self.weights:,} parameters of the weights were read: no verdict.{why}"

    @property
    def not_finite(self) -> tuple[str, ...]:
        """What holds NaN or infinity and is no matrix: biases, gains, tokens, tables. A matrix has rows that say so."""
        broken = [entry for entry in self.skipped if entry.reason.endswith(BROKEN) and OF_OTHER in entry.reason]
        return tuple(dict.fromkeys(entry.tensor for entry in broken))

    @property
    def identities(self) -> tuple[str, ...]:
        """The tensors that are left out because they are a multiple of the identity."""
        return tuple(left.tensor for left in self.skipped if left.reason == REASONS["identity"])

    @property
    def odd_gains(self) -> dict[str, str]:
        """The gains of norms that are apart from their siblings, with how: of zeros alone, or of another size."""
        reasons = {left.tensor: left.reason.rpartition("; ")[2] for left in self.skipped}
        return {name: text for name, text in reasons.items() if text == ALL_ZERO or text.endswith(OF_SIBLINGS)}

    def reasons(self) -> list[tuple[str, int]]:
        """Each reason for leaving tensors out with how many it applies to, most frequent first.

        What a matrix holds of NaN is told of each in the list of those left out, and counted here.
        """
        texts = (NOT_FINITE if _is_broken_matrix(entry) else entry.reason for entry in self.skipped)
        return Counter(texts).most_common()

    def to_json(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """As JSON; of several checkpoints, named by `names`, with what each of them is covered by."""
        fields: dict[str, Any] = {
            "tensors": self.tensors,
            "analysed": self.analysed,
            "parameters": self.parameters,
            "analysed_parameters": self.analysed_parameters,
            "weights": self.weights,
            "skipped": [skipped_json(entry) for entry in self.skipped],
        }
        if self.members:
            parts = zip(names, self.members, strict=True)
            fields["checkpoints"] = [
                {"checkpoint": name, **part.to_json(), "missing": [skipped_json(missing) for missing in part.missing]}
                for name, part in parts
            ]
        return fields


def _is_broken_matrix(entry: Skipped) -> bool:
    return entry.reason.endswith(BROKEN) and OF_OTHER not in entry.reason


def skipped_json(skipped: Skipped) -> dict[str, Any]:
    return {"tensor": skipped.tensor, "shape": list(skipped.shape), "reason": skipped.reason}


def coverage(tensors: Sequence[TensorInfo], failed: Mapping[str, str] | None = None) -> Coverage:
    """The coverage of these tensors, of which `failed` maps those that could not be measured to the reason."""
    reasons = {t.name: t.skip for t in tensors if t.skip is not None} | dict(failed or {})
    return Coverage(
        tensors=len(tensors),
        analysed=sum(t.name not in reasons for t in tensors),
        parameters=sum(t.size for t in tensors if not t.same_as),
        analysed_parameters=sum(t.size for t in tensors if t.name not in reasons),
        skipped=tuple(Skipped(t.name, t.shape, reasons[t.name]) for t in tensors if t.name in reasons),
    )


def merge_coverages(parts: Sequence[Coverage]) -> Coverage:
    """The coverage of several checkpoints, with that of each."""
    return Coverage(
        tensors=sum(part.tensors for part in parts),
        analysed=sum(part.analysed for part in parts),
        parameters=sum(part.parameters for part in parts),
        analysed_parameters=sum(part.analysed_parameters for part in parts),
        skipped=tuple(entry for part in parts for entry in part.skipped),
        members=tuple(parts),
    )


def failures(tables: Sequence[Table]) -> dict[str, str]:
    """The tensors of which no weight has any value in any table, with the reason noted for the first."""
    notes: dict[str, str] = {}
    measured_names: set[str] = set()
    for table in tables:
        for row in table.rows:
            if any(value is not None for value in row.measurement.values.values()):
                measured_names.add(row.weight.tensor)
            else:
                notes.setdefault(row.weight.tensor, row.measurement.note or "no value could be computed")
    return {tensor: note for tensor, note in notes.items() if tensor not in measured_names}


def coverage_of_members(
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
        *(_coverage_of_tuned(members, alignment, tables, waiting, position) for position in range(1, len(members))),
    ]
    return merge_coverages(parts)


def _of_base(base: Member, alignment: Alignment, tables: Sequence[Table], waiting: Mapping[str, str]) -> Coverage:
    matches = {row.base.name for row in alignment.rows if any(row.partners)}
    lonely = (
        {} if _has_single_tables(tables) else {r.base.name: ALONE for r in alignment.rows if r.base.name not in matches}
    )
    return coverage(base.tensors, {**failures(_tables_with(tables, 0)), **waiting, **lonely})


def _coverage_of_tuned(
    members: Sequence[Member],
    alignment: Alignment,
    tables: Sequence[Table],
    waiting: Mapping[int, Mapping[str, str]],
    position: int,
) -> Coverage:
    member, partners = members[position], alignment.tensors_of(position)
    problems = {**failures(_tables_with(tables, position)), **waiting.get(0, {})}
    reasons = {own: problems[base] for own, base in partners.items() if base in problems}
    for tensor, reason in alignment.unmatched[position - 1]:
        if member.kind == "adapter" or not _has_single_tables(tables):
            reasons[tensor] = reason
        elif problem := waiting.get(position, {}).get(tensor) or problems.get(tensor):
            reasons[tensor] = problem
    own = member.tensors
    if member.kind == "adapter":  # its tensors count by what they change, and not by what they look like themselves
        own = [replace(info, skip=None) for info in own]
    missing = alignment.missing[position - 1]
    shapes = {row.base.name: row.base.shape for row in alignment.rows}
    return replace(
        coverage(own, reasons), missing=tuple(Skipped(name, shapes[name], reason) for name, reason in missing)
    )


def _has_single_tables(tables: Sequence[Table]) -> bool:
    return any(table.diagnostic.scope is Scope.ONE for table in tables)


def _tables_with(tables: Sequence[Table], position: int) -> list[Table]:
    """The tables with only the rows of groups that this checkpoint is in."""
    return [replace(table, rows=tuple(row for row in table.rows if position in row.group)) for table in tables]
