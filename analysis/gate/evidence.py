"""What a rule can see of a report: its layers with their values, and those that have none, with the reason.

A report is the object of `eigenscope analyze --json`. One that comes from elsewhere goes through
`analysis.gate.baseline.check_baseline` first.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.diagnostic import Scalar, Scope
from analysis.diagnostics import diagnostic
from analysis.gate.metrics import SHARES, WEAK, number_in
from analysis.gate.rule import Rule
from analysis.gate.unmeasured import find_unmeasured, reason_of

Report = Mapping[str, Any]
WEAK_FIT = "its fit is weak"


@dataclass(frozen=True, slots=True)
class Lost:
    """A tensor that a run should have measured, and did not."""

    tensor: str
    role: str
    depth: int | None
    reason: str


@dataclass(frozen=True)
class Evidence:
    """A report, and what is known of how it came about."""

    report: Report
    measured: Mapping[str, Mapping[str, Scalar]] | None = None  # the options of each diagnostic; None: as asked
    lost: tuple[Lost, ...] = ()
    ended: str = ""  # why the run ended before its time, in a sentence
    no_baseline: str = ""  # why there is none yet, where one was asked for


@dataclass(frozen=True, slots=True)
class Item:
    """A layer, or a checkpoint where a rule is about a summary, with its value."""

    weight: str
    label: str
    group: tuple[int, ...]
    checkpoints: tuple[str, ...]
    value: Scalar
    why: str = ""  # why it has no value
    failed: bool = False  # whether that is because its measurement failed, or a baseline lacks the layer
    baseline: float | None = None
    matched: bool = True  # whether it was looked for in a baseline and found
    shape: tuple[int, ...] = ()

    @property
    def usable(self) -> bool:
        return self.value is not None and self.matched

    @property
    def number(self) -> float:
        return float(self.value) if isinstance(self.value, int | float) else math.nan


def items(rule: Rule, evidence: Evidence) -> list[Item]:
    """What the rule is about, in the report's order; failed tensors last."""
    if rule.metric.diagnostic == "coverage":
        return list(_coverages(rule, evidence))
    if rule.metric.column is None:
        return [*_numbers(rule, evidence.report), *_lost_items(rule, evidence)]
    table = evidence.report["tables"].get(rule.metric.diagnostic, [])
    names = names_in(evidence.report)
    rows = [row for row in table if _is_chosen(rule, row["group"], names) and _matches(rule, row)]
    return [*(_item(rule, row, names) for row in rows), *_lost_items(rule, evidence)]


def names_in(report: Report) -> tuple[str, ...]:
    """The checkpoints' names; of one checkpoint none."""
    return tuple(report.get("checkpoints", ()))


def _matches(rule: Rule, row: Mapping[str, Any]) -> bool:
    return rule.layers.match(row["weight"], row["role"], row["depth"])


def _is_chosen(rule: Rule, group: Sequence[int], names: Sequence[str]) -> bool:
    """Whether the rule asks for the checkpoints that a row speaks of."""
    places = places_of(rule.checkpoint, names)
    scope = diagnostic(rule.metric.diagnostic).scope
    match scope:
        case Scope.ONE | Scope.PAIR:
            return group[-1] in places
        case Scope.UPDATES:
            return bool(places.intersection(group[1:]))
        case Scope.FAMILY:
            return True


def places_of(asked: int | str | None, names: Sequence[str]) -> set[int]:
    """The places in the run that a rule's `checkpoint` means."""
    count = max(1, len(names))
    if isinstance(asked, int):
        return {asked}
    match asked:
        case "every":
            return set(range(count))
        case "base":
            return {0}
        case "last":
            return {count - 1}
        case None | "tuned":
            return set(range(1, count)) or {0}
    return {place for place, name in enumerate(names) if name == asked}


def _item(rule: Rule, row: Mapping[str, Any], names: Sequence[str]) -> Item:
    value = row.get(rule.metric.name)
    has_failed = _has_failed(rule, row)
    weak = rule.drop_weak and value is not None and row.get(WEAK) is True
    why = WEAK_FIT if weak else "" if value is not None else reason_of(row) or _absent(rule)
    checkpoints = tuple(names[place] for place in row["group"] if place < len(names))
    group = tuple(row["group"])
    shape = tuple(row.get("shape") or ())
    return Item(row["weight"], row["label"], group, checkpoints, None if weak else value, why, has_failed, shape=shape)


def _has_failed(rule: Rule, row: Mapping[str, Any]) -> bool:
    """Whether a value that the diagnostic gives of every matrix is not there."""
    column = rule.metric.column
    if row.get(rule.metric.name) is not None or column is None:
        return False
    scalars = [c.name for c in diagnostic(rule.metric.diagnostic).columns if c.kind != "curve"]
    return not column.absent or all(row.get(name) is None for name in scalars)


def _absent(rule: Rule) -> str:
    return (rule.metric.column.absent if rule.metric.column else "") or "it has no value"


def _numbers(rule: Rule, report: Report) -> Iterator[Item]:
    """A summary's number: of each group that is asked for, or of the whole report."""
    summary = report["summary"].get(rule.metric.diagnostic)
    if summary is None:
        return
    names = names_in(report)
    groups = summary.get("groups")
    if groups is None and rule.checkpoint is not None and len(names) > 1:
        yield Item("", "", (), names, None, "this number is of all checkpoints together: leave out checkpoint")
    elif groups is None:
        yield _number(rule, summary, (), ())
    else:
        for group in groups:
            if _is_chosen(rule, group["group"], names):
                yield _number(rule, group, tuple(group["group"]), tuple(group.get("checkpoints", ())))


def _number(rule: Rule, numbers: Mapping[str, Any], group: tuple[int, ...], named: tuple[str, ...]) -> Item:
    value = number_in(numbers, rule.metric)
    return Item(
        "", " → ".join(named), group, named, value, "" if value is not None else "the report has no such number"
    )


def _coverages(rule: Rule, evidence: Evidence) -> Iterator[Item]:
    report, coverage = evidence.report, evidence.report["coverage"]
    names = names_in(report)
    parts = coverage.get("checkpoints")
    picks = [(0, coverage)] if parts is None else [
        (place, part) for place, part in enumerate(parts) if place in places_of(rule.checkpoint, names)
    ]  # fmt: skip
    for place, part in picks:
        own_names = names[place : place + 1]
        value, why = _covered(rule.metric.name, part, evidence, place)
        yield Item("", "".join(own_names), (place,) if own_names else (), own_names, value, why)


def _covered(name: str, part: Mapping[str, Any], evidence: Evidence, place: int) -> tuple[Scalar, str]:
    """A number of a checkpoint's coverage; of what was not measured also the first weight and the reason."""
    if name in SHARES:
        return share_of(part, name), ""
    if name in part:  # a baseline of which no more was kept
        return part[name], ""
    reasons = find_unmeasured(evidence.report, place) | {loss.tensor: loss.reason for loss in evidence.lost}
    return len(reasons), next((f"{tensor}: {reason}" for tensor, reason in reasons.items()), "")


def share_of(part: Mapping[str, Any], name: str) -> float | None:
    """The share of a coverage; of the parameters, those of what is no weight of the model do not count."""
    count, total = part["analysed" if name == "tensors" else f"analysed_{name}"], part[name]
    if name == "parameters":
        total = part.get("weights", total)  # reports of earlier versions do not have it
    return count / total if total else None


def _lost_items(rule: Rule, evidence: Evidence) -> list[Item]:
    """The tensors without rows that the rule may have been about. A stack's layers carry its name in front."""
    return [
        Item(loss.tensor, loss.tensor, (), (), None, loss.reason, True)
        for loss in evidence.lost
        if rule.metric.column is None or rule.layers.match(loss.tensor, loss.role, loss.depth)
    ]
