"""Weights that a report gives no value of: they hold NaN or infinity, or no worker came to them."""

from collections.abc import Iterator, Mapping
from typing import Any


def find_unmeasured(report: Mapping[str, Any], place: int) -> dict[str, str]:
    """The tensors of the checkpoint at this place of the run that no row has a value of, each with the reason."""
    notes: dict[str, str] = {}
    measured_names: set[str] = set()
    for row in _rows_of(report, place):
        tensor = row.get("tensor") or row["weight"]
        if any(value is not None for key, value in row.items() if key not in NO_VALUES):
            measured_names.add(tensor)
        else:
            notes.setdefault(tensor, row.get("note") or "no value could be computed")
    return {tensor: note for tensor, note in notes.items() if tensor not in measured_names}


NO_VALUES = ("weight", "tensor", "label", "role", "depth", "shape", "slices", "group", "checkpoints", "note")


def _rows_of(report: Mapping[str, Any], place: int) -> Iterator[Mapping[str, Any]]:
    yield from (row for table in report["tables"].values() for row in table if place in row["group"])


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
