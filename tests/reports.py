"""Reports as plain dicts, for tests of the gate: a few layers with the values that a test says."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.diagnostics import diagnostic
from analysis.gate.evidence import Evidence, Report
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from analysis.gate.verdict import RuleVerdict


def row(
    name: str, role: str = "q", depth: int | None = 0, group: Sequence[int] = (0,), **values: Any
) -> dict[str, Any]:
    label = f"Block {depth} · {name}"
    return {
        "weight": name, "tensor": name, "label": label, "role": role, "depth": depth, "group": list(group),
        "note": None, **values,
    }  # fmt: skip


def alphas(*values: float | None, **more: Any) -> list[dict[str, Any]]:
    """Rows of esd: a, b, c, … in blocks 0, 1, 2, …; each is there but for the α that is None."""
    names = "abcdefghij"
    return [
        row(names[at], depth=at, **{"alpha": value, "num_evals": 9, "low_confidence": False, **more})
        for at, value in enumerate(values)
    ]


def report(
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    names: Sequence[str] = (),
    summary: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    covered = {"tensors": 10, "analysed": 4, "parameters": 1000, "analysed_parameters": 900, "skipped": []}
    parts = {"checkpoints": [{"checkpoint": name, **covered} for name in names]} if len(names) > 1 else {}
    return {
        **({"checkpoints": list(names)} if len(names) > 1 else {}),
        "coverage": {**covered, **parts},
        "summary": {name: {"headline": "", **numbers} for name, numbers in (summary or {}).items()},
        "tables": {name: [whole(name, each) for each in rows] for name, rows in (tables or {}).items()},
        "findings": [],
    }


def whole(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The row with every declared column."""
    return {**{c.name: None for c in diagnostic(name).columns if c.kind != "curve"}, **values}


def judged(rule: Mapping[str, Any], found: Report, baseline: Report | None = None, **more: Any) -> RuleVerdict:
    """What becomes of one rule; the policy's standing rules follow it."""
    return judge(policy_of({"rules": [rule]}), Evidence(found, **more), baseline).rules[0]
