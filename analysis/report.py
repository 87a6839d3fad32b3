"""From checkpoints to a report: the one path that the command line and the workers share.

`measure_tensor` reads one tensor and measures every weight in it; `Report` is what all of them add up to, and
`Report.to_json` is the object that `eigenscope analyze --json` prints and the API gives for a run.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.diagnostic import (
    Cause,
    Finding,
    Measurement,
    Request,
    Row,
    Scope,
    Severity,
    Summary,
    Table,
    absent,
    measure,
)
from analysis.engine.batching import Cut, cutter
from analysis.engine.device import on_device
from analysis.engine.memory import alone as needed_alone
from analysis.engine.memory import copies, too_large
from analysis.engine.scheduling import each
from analysis.formats import OpenCheckpoint
from analysis.tensors.matrices import matrices
from analysis.weight import TensorInfo, Weight

Progress = Callable[[TensorInfo], None]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A tensor that was left out, and why."""

    tensor: str
    shape: tuple[int, ...]
    reason: str


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

    def reasons(self) -> list[tuple[str, int]]:
        """Each reason for leaving tensors out with how many it applies to, most frequent first."""
        return Counter(left.reason for left in self.skipped).most_common()

    def to_json(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """As JSON; of several checkpoints, named by `names`, with what each of them is covered by."""
        said: dict[str, Any] = {
            "tensors": self.tensors,
            "analysed": self.analysed,
            "parameters": self.parameters,
            "analysed_parameters": self.analysed_parameters,
            "skipped": [skipped_json(skipped) for skipped in self.skipped],
        }
        if self.members:
            parts = zip(names, self.members, strict=True)
            said["checkpoints"] = [
                {"checkpoint": name, **part.to_json(), "missing": [skipped_json(missing) for missing in part.missing]}
                for name, part in parts
            ]
        return said


def skipped_json(skipped: Skipped) -> dict[str, Any]:
    return {"tensor": skipped.tensor, "shape": list(skipped.shape), "reason": skipped.reason}


@dataclass(frozen=True)
class Report:
    """Coverage, tables, and what they say. `names` are the checkpoints' where there are several."""

    coverage: Coverage
    tables: tuple[Table, ...]
    names: tuple[str, ...] = ()

    def summaries(self) -> dict[str, Summary]:
        return {table.diagnostic.name: table.diagnostic.summarise(table) for table in self.tables}

    def to_json(self) -> dict[str, Any]:
        summaries = self.summaries()
        findings = [
            {"diagnostic": name, **finding_json(finding)}
            for name, summary in summaries.items()
            for finding in summary.findings
        ]
        worst_first = list(Severity)
        return {
            **({"checkpoints": list(self.names)} if len(self.names) > 1 else {}),
            "coverage": self.coverage.to_json(self.names),
            "summary": {name: summary_json(summary, self.names) for name, summary in summaries.items()},
            "tables": {table.diagnostic.name: records(table) for table in self.tables},
            "findings": sorted(findings, key=lambda finding: worst_first.index(finding["severity"])),
        }


def summary_json(summary: Summary, names: Sequence[str] = ()) -> dict[str, Any]:
    """The headline and the numbers of a table, and those of each group where there are several checkpoints."""
    said: dict[str, Any] = {"headline": summary.headline, **summary.numbers}
    if summary.groups:
        said["groups"] = [
            {"group": list(group), "checkpoints": [names[position] for position in group], **numbers}
            for group, numbers in summary.groups.items()
        ]
    return said


def records(table: Table) -> list[dict[str, Any]]:
    return [record(row, table.names) for row in table.rows]


def record(row: Row, names: Sequence[str] = ()) -> dict[str, Any]:
    """A row as flat JSON: what it is about, then the diagnostic's columns by name, then the note.

    Where there are several checkpoints, `names` are theirs, and the row tells which it speaks of.
    """
    info = row.weight
    return {
        "weight": info.name,
        "tensor": info.tensor,
        "label": info.label,
        "role": info.role,
        "depth": info.depth,
        "shape": [info.rows, info.columns],
        "slices": info.slices,
        "group": list(row.group),
        **({"checkpoints": [names[position] for position in row.group]} if len(names) > 1 else {}),
        **row.measurement.values,
        "note": row.measurement.note,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "text": finding.text,
        "why": finding.why,
        "weights": list(finding.weights),
        "evidence": dict(finding.evidence),
        **cause_json(finding.cause),
    }


def cause_json(cause: Cause | None) -> dict[str, Any]:
    """What a finding is about, what to do about it and where that is known from; nothing of one without a cause."""
    if cause is None:
        return {}
    return {
        "cause": cause.name,
        "check": cause.check,
        "confirm": cause.confirm,
        "action": cause.action,
        "harmless": cause.harmless,
        "source": cause.source,
        "page": cause.page,
    }


def coverage(tensors: Sequence[TensorInfo], failed: Mapping[str, str] | None = None) -> Coverage:
    """The coverage of these tensors, of which `failed` maps those that could not be measured to the reason."""
    reasons = {t.name: t.skip for t in tensors if t.skip is not None} | dict(failed or {})
    return Coverage(
        tensors=len(tensors),
        analysed=sum(t.name not in reasons for t in tensors),
        parameters=sum(t.size for t in tensors),
        analysed_parameters=sum(t.size for t in tensors if t.name not in reasons),
        skipped=tuple(Skipped(t.name, t.shape, reasons[t.name]) for t in tensors if t.name in reasons),
    )


def together(parts: Sequence[Coverage]) -> Coverage:
    """The coverage of several checkpoints, with that of each."""
    return Coverage(
        tensors=sum(part.tensors for part in parts),
        analysed=sum(part.analysed for part in parts),
        parameters=sum(part.parameters for part in parts),
        analysed_parameters=sum(part.analysed_parameters for part in parts),
        skipped=tuple(skipped for part in parts for skipped in part.skipped),
        members=tuple(parts),
    )


def measure_tensor(
    checkpoint: OpenCheckpoint,
    info: TensorInfo,
    requests: Sequence[Request],
    position: int = 0,
    device: str = "cpu",
    cut: Cut | None = None,
    memory: int | None = None,
) -> Iterator[tuple[str, Row]]:
    """Reads one tensor and measures every weight in it: (diagnostic name, row) for each.

    `position` is the checkpoint's place in the run; `cut` reads the tensor, several at once on a GPU. Only diagnostics
    of scope ONE are measured here, and only what fits in `memory`, in bytes, or, where that is None, in what there is.
    """
    alone = [request for request in requests if request.diagnostic.scope is Scope.ONE]
    reasons = {r.diagnostic.name: too_large(info, needed_alone(info, r.diagnostic.copies), memory) for r in alone}
    if all(reasons.values()):
        yield from refused(info, [(r, (position,), reasons[r.diagnostic.name]) for r in alone])
        return
    for weight in (cut or cutter(checkpoint, (), "cpu"))(info):
        yield from _rows(weight, alone, position, device, reasons)


def refused(
    info: TensorInfo, asked: Sequence[tuple[Request, tuple[int, ...], str | None]]
) -> Iterator[tuple[str, Row]]:
    """A row without values for each weight of a tensor that is not read, each group, with the reason."""
    for planned in matrices(info):
        for request, group, reason in asked:
            yield request.diagnostic.name, Row(planned, group, absent(request.diagnostic, reason or ""))


def _rows(
    weight: Weight, requests: Sequence[Request], position: int, device: str, reasons: Mapping[str, str | None]
) -> list[tuple[str, Row]]:
    def one(request: Request, there: Weight) -> Measurement:
        reason = reasons[request.diagnostic.name]
        return absent(request.diagnostic, reason) if reason else measure(request, (there,))

    def run(there: Weight) -> list[tuple[str, Row]]:
        return [(r.diagnostic.name, Row(weight.info, (position,), one(r, there))) for r in requests]

    return on_device(device, weight, run)


def analyze(
    checkpoint: OpenCheckpoint,
    requests: Sequence[Request],
    device: str = "cpu",
    progress: Progress | None = None,
    memory: int | None = None,
) -> Report:
    """The report of one checkpoint, in the order of its tensors; `progress` hears of each when it is done.

    What needs more than `memory`, in bytes, is left out with the reason; None is what there is.
    """
    rows: dict[str, list[Row]] = {request.diagnostic.name: [] for request in requests}

    cut = cutter(checkpoint, checkpoint.tensors, device)

    def work(info: TensorInfo) -> list[tuple[str, Row]]:
        if info.skip is not None:
            return []
        return list(measure_tensor(checkpoint, info, requests, device=device, cut=cut, memory=memory))

    for info, found in each(checkpoint.tensors, work, device, copies=copies(requests)):
        for name, row in found:
            rows[name].append(row)
        if progress is not None:
            progress(info)
    tables = tuple(Table(request.diagnostic, tuple(rows[request.diagnostic.name])) for request in requests)
    return Report(coverage(checkpoint.tensors, failures(tables)), tables)


def failures(tables: Sequence[Table]) -> dict[str, str]:
    """The tensors of which no weight has any value in any table, with the reason noted for the first."""
    notes: dict[str, str] = {}
    measured: set[str] = set()
    for table in tables:
        for row in table.rows:
            if any(value is not None for value in row.measurement.values.values()):
                measured.add(row.weight.tensor)
            else:
                notes.setdefault(row.weight.tensor, row.measurement.note or "no value could be computed")
    return {tensor: note for tensor, note in notes.items() if tensor not in measured}
