"""What a report gives no value of, as a gate counts it: weights and other parameters that hold NaN or
infinity, empty weights, and weights that no worker came to.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.diagnostic import without_name
from analysis.tensors.listing import BROKEN, OF_OTHER
from analysis.tensors.skipping import EMPTY

OF_WEIGHTS = re.compile(r"(weight(_[a-z]+_l\d+(_reverse)?)?|proj|kernel|embeddings?)$")  # the end of their names


def find_unmeasured(report: Mapping[str, Any], place: int) -> dict[str, str]:
    """The weights of the checkpoint at this place of the run that no row has a value of, each with the reason.

    One of several weights of a tensor counts where it holds NaN. So do norms, biases and others, which have no rows.
    """
    notes: dict[str, tuple[str, str]] = {}
    measured_weights: set[str] = set()
    measured_tensors: set[str] = set()
    for row in _rows_of(report, place):
        tensor = row.get("tensor") or row["weight"]
        if any(value is not None for key, value in row.items() if key not in NO_VALUES):
            measured_weights.add(row["weight"])
            measured_tensors.add(tensor)
        else:
            notes.setdefault(row["weight"], (tensor, reason_of(row) or "no value could be computed"))
    return {
        weight: note
        for weight, (tensor, note) in notes.items()
        if weight not in measured_weights and (tensor not in measured_tensors or BROKEN in note)
    } | _broken_others(report, place)


def reason_of(row: Mapping[str, Any]) -> str:
    """Why a row has no value; without the tensor's name, which stands beside it wherever a reason is said."""
    return without_name(row.get("note") or "", row["weight"], row.get("tensor") or row["weight"])


NO_VALUES = ("weight", "tensor", "label", "role", "depth", "shape", "slices", "group", "checkpoints", "note")


def _rows_of(report: Mapping[str, Any], place: int) -> Iterator[Mapping[str, Any]]:
    yield from (row for table in report["tables"].values() for row in table if place in row["group"])


def _broken_others(report: Mapping[str, Any], place: int) -> dict[str, str]:
    """Norms, biases, tokens and tables that hold NaN or infinity, and empty weights, as ZeRO-3 leaves."""
    coverage = report["coverage"]
    part = coverage["checkpoints"][place] if coverage.get("checkpoints") else coverage
    return {entry["tensor"]: entry["reason"] for entry in part.get("skipped", ()) if _is_broken(entry)}


def _is_broken(entry: Mapping[str, Any]) -> bool:
    reason: str = entry["reason"]
    if reason == EMPTY:  # an empty buffer, or bias of a layer without one, is none
        return OF_WEIGHTS.search(entry["tensor"]) is not None
    return reason.endswith(BROKEN) and OF_OTHER in reason


def count_unmeasured(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report's coverage, with how many weights of each checkpoint no row has a value of."""
    coverage = report["coverage"]
    counts = {**coverage, "unmeasured": len(find_unmeasured(report, 0))}
    if "checkpoints" in coverage:
        counts["checkpoints"] = [
            {**part, "unmeasured": len(find_unmeasured(report, place))}
            for place, part in enumerate(coverage["checkpoints"])
        ]
    return counts
