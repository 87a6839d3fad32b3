"""A report to compare with: checked where it comes from elsewhere, and cut down to what a policy looks at."""

import math
from collections.abc import Mapping
from typing import Any

from analysis.diagnostic import Scalar
from analysis.errors import BaselineError, escape
from analysis.gate.evidence import Report, names_in
from analysis.gate.metrics import SHARES, WEAK
from analysis.gate.policy import Policy, names_of
from analysis.gate.unmeasured import count_unmeasured

ABOUT = ("weight", "tensor", "label", "role", "depth", "shape", "group", "note")


def check_baseline(report: object) -> Report:
    """The report, sure to be of the form that rules read. Raises BaselineError."""
    if not isinstance(report, Mapping):
        raise BaselineError("the baseline is not a report: give the object that `eigenscope analyze --json` prints")
    try:
        _check(report)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        text = "the baseline is not a report of Eigenscope, or is damaged"
        raise BaselineError(f"{text} ({type(error).__name__}: {escape(error)})") from None
    return report


def _check(report: Mapping[str, Any]) -> None:
    names = report.get("checkpoints", [])
    _demand(isinstance(names, list) and all(isinstance(name, str) for name in names), "checkpoints")
    for part in (report["coverage"], *report["coverage"].get("checkpoints", ())):
        for key in (*SHARES, "analysed", "analysed_parameters"):
            _demand(isinstance(part[key], int) and part[key] >= 0, key)
        _demand(isinstance(part.get("weights", 0), int) and part.get("weights", 0) >= 0, "weights")
        for entry in part.get("skipped", ()):
            _demand(isinstance(entry["tensor"], str) and isinstance(entry["reason"], str), "skipped")
    for summary in report["summary"].values():
        _check_scalars({k: v for k, v in summary.items() if k != "groups"})
        for group in summary.get("groups", ()):
            _check_group(group["group"])
            _check_scalars({k: v for k, v in group.items() if k not in ("group", "checkpoints")})
    for table in report["tables"].values():
        for row in table:
            _check_row(row)


def _check_row(row: Mapping[str, Any]) -> None:
    _check_group(row["group"])
    _demand(isinstance(row["weight"], str) and isinstance(row["label"], str), "weight")
    _demand(isinstance(row["role"], str), "role")
    _demand(row["depth"] is None or isinstance(row["depth"], int), "depth")
    shape = row.get("shape", [])
    _demand(isinstance(shape, list) and all(isinstance(extent, int) for extent in shape), "shape")
    _check_scalars({key: value for key, value in row.items() if key not in ("group", "shape", "checkpoints")})


def _check_group(group: object) -> None:
    _demand(isinstance(group, list) and bool(group) and all(isinstance(place, int) for place in group), "group")


def _check_scalars(values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        _demand(value is None or isinstance(value, bool | int | float | str), key)
        _demand(not isinstance(value, int | float) or abs(value) < math.inf, key)


def _demand(good: bool, what: str) -> None:
    if not good:
        raise ValueError(what)


def unlike(policy: Policy, measured: Mapping[str, Mapping[str, Scalar]]) -> str:
    """Why a run with these diagnostics and options is no baseline for the policy; empty where it is one."""
    for name in names_of([rule for rule in policy.rules if rule.regression is not None]):
        if name not in measured:
            return f"it did not measure {name}"
        differ = [key for key, value in policy.measure[name].items() if measured[name].get(key) != value]
        if differ:
            return f"it measured {name} with another {', '.join(differ)} than the policy asks for"
    return ""


def distil(policy: Policy, report: Report) -> dict[str, Any]:
    """Of a report, no more than the policy's rules look at in a baseline."""
    rules = [rule for rule in policy.rules if rule.regression is not None]
    columns: dict[str, set[str]] = {}
    for rule in rules:
        columns.setdefault(rule.metric.diagnostic, {WEAK}).add(rule.metric.name)
    summed_names = {rule.metric.diagnostic for rule in rules if rule.metric.column is None}
    return {
        **({"checkpoints": list(names_in(report))} if names_in(report) else {}),
        "coverage": _shares(count_unmeasured(report)),
        "summary": {name: numbers for name, numbers in report["summary"].items() if name in summed_names},
        "tables": {
            name: [{key: value for key, value in row.items() if key in {*ABOUT, *columns[name]}} for row in table]
            for name, table in report["tables"].items()
            if name in columns
            and name not in summed_names - {rule.metric.diagnostic for rule in rules if rule.metric.column}
        },
    }


def _shares(covered: Mapping[str, Any]) -> dict[str, Any]:
    keys = (*SHARES, "analysed", "analysed_parameters", "weights", "unmeasured")
    fields: dict[str, Any] = {key: covered[key] for key in keys if key in covered}
    parts = covered.get("checkpoints")
    return fields if parts is None else {**fields, "checkpoints": [_shares(part) for part in parts]}
