"""Readings over a run in long form: one line for each checkpoint, tensor and metric, and as lines for `wandb.log`."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("run", "step", "tensor", "type", "layer", "metric", "value")


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of one tensor at one step."""

    step: int
    tensor: str
    kind: str  # its module's path inside a block: "mlp.up_proj"; "" outside
    layer: int | None
    metric: str
    value: float


def as_csv(run: str, readings: Sequence[Reading]) -> bytes:
    """The long form, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in readings:
        layer = "" if one.layer is None else one.layer
        writer.writerow([run, one.step, one.tensor, one.kind, layer, one.metric, repr(one.value)])
    return text.getvalue().encode()


def as_jsonl(readings: Sequence[Reading]) -> bytes:
    """A line for each step, the argument of `wandb.log`: {"step": 10, "<metric>/<tensor>": value}."""
    steps: dict[int, dict[str, float | int]] = {}
    for one in readings:
        steps.setdefault(one.step, {"step": one.step})[f"{one.metric}/{one.tensor}"] = one.value
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in steps.values()).encode()
