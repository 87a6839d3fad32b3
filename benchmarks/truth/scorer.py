"""Planting, analysing and scoring: was the faulty layer named, and only it, for the right cause?"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

import torch
from safetensors.torch import save_file

from analysis.coverage import coverage, failures
from analysis.diagnostic import Finding, Row, Severity, Table
from analysis.diagnostics import requests
from analysis.engine.single import analyze, measure_tensor
from analysis.formats import open_checkpoint
from analysis.report import Report
from benchmarks.truth.faults import CAUSES_OF_COPIES, COPIED, FAULTS, copied
from benchmarks.truth.models import State

FALSE_VERDICTS = ("untrained", "under-trained", "over-trained", "hardly trained")


@dataclass(frozen=True, slots=True)
class Case:
    """One planted fault and what was said of it."""

    kind: str
    model: str
    layer: str
    named: bool  # the layer, for a cause that is true
    only: bool  # and no other layer warned of beyond those of the clean model
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clean:
    """A model without a fault: the findings that warn, all of them false, and the headlines."""

    model: str
    warned: tuple[str, ...]
    headlines: tuple[str, ...]

    @property
    def misjudged(self) -> bool:
        return any(words in line.lower() for line in self.headlines for words in FALSE_VERDICTS)


def report_of(state: State) -> Report:
    """What the default analysis says of these weights."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file({name: tensor.clone().contiguous() for name, tensor in state.items()}, file)
        return analyze(open_checkpoint([file]), requests())


def report_with(before: Report, state: State, *changed: str) -> Report:
    """The same where some tensors differ from those of a report: they alone are measured again."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file({name: tensor.clone().contiguous() for name, tensor in state.items()}, file)
        checkpoint = open_checkpoint([file])
        infos = [tensor for tensor in checkpoint.tensors if tensor.name in changed]
        fresh = [found for info in infos for found in measure_tensor(checkpoint, info, requests())]
    tables = tuple(
        _replace_rows(table, [row for name, row in fresh if name == table.diagnostic.name]) for table in before.tables
    )
    return Report(coverage(checkpoint.tensors, failures(tables)), tables)


def _replace_rows(table: Table, fresh: Sequence[Row]) -> Table:
    by_name = {row.weight.name: row for row in fresh}
    return replace(table, rows=tuple(by_name.get(row.weight.name, row) for row in table.rows))


def tensors_of(finding: Finding, report: Report) -> set[str]:
    """The tensors that hold the weights which a finding names: a fused projection is one."""
    named = set(finding.weights)
    return {row.weight.tensor for table in report.tables for row in table.rows if row.weight.name in named}


def warnings_of(report: Report) -> list[Finding]:
    return [f for s in report.summaries.values() for f in s.findings if f.severity is not Severity.NOTE]


def clean(model: str, state: State) -> Clean:
    report = report_of(state)
    lines = tuple(summary.headline for summary in report.summaries.values())
    return Clean(model, tuple(finding.text for finding in warnings_of(report)), lines)


def layers(state: State) -> list[str]:
    """Layers to plant in: those that no table is, large enough for faults to be what they say, in the middle."""
    able = [
        name
        for name, tensor in state.items()
        if tensor.ndim in (2, 4) and min(tensor.shape[:2]) >= 24 and "embed" not in name and "head" not in name
    ]
    return able[len(able) // 4 :]


def planted(model: str, state: State, seed: int) -> Iterator[Case]:
    """Each kind of fault once, in a layer that seed and kind choose."""
    report = report_of(state)
    able = layers(state)
    for index, kind in enumerate([*FAULTS, COPIED]):
        name = able[(7 * index + 3 * seed) % len(able)]
        case = _plant(model, state, kind, name, seed, report)
        if case is not None:
            yield case


def _plant(model: str, state: State, kind: str, name: str, seed: int, clean_report: Report) -> Case | None:
    noise = torch.Generator().manual_seed(1000 * seed + 17)
    twin = copied(state, name) if kind == COPIED else None
    if kind == COPIED and twin is None:
        return None
    changed = state[twin] if twin else FAULTS[kind].change(state[name], noise)
    report = report_with(clean_report, {**state, name: changed.clone()}, name)
    causes = CAUSES_OF_COPIES if twin else FAULTS[kind].causes
    warned = warnings_of(report)
    true = [f for f in warned if name in tensors_of(f, report) and f.cause is not None and f.cause.name in causes]
    before = {tensor for finding in warnings_of(clean_report) for tensor in tensors_of(finding, clean_report)}
    others = {tensor for finding in warned for tensor in tensors_of(finding, report)} - {name, twin} - before
    return Case(kind, model, name, bool(true), not others, tuple(finding.text for finding in warned))


def interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share."""
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    share, width = successes / trials, z * z / trials
    middle = (share + width / 2.0) / (1.0 + width)
    half = z / (1.0 + width) * (share * (1.0 - share) / trials + width / (4.0 * trials)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def by(cases: Iterable[Case], attribute: str) -> Mapping[str, Sequence[Case]]:
    """The cases of each kind or model, in their order."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(str(getattr(case, attribute)), []).append(case)
    return found
