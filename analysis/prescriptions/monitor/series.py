"""Readings over a run in long form: one line for each checkpoint, tensor and metric, and as lines for `wandb.log`.

As CSV, or as Parquet where pyarrow is installed.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.errors import OptionError

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


def check_parquet() -> None:
    """Raises OptionError where Parquet cannot be written."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        text = "option table: Parquet is written with pyarrow, which is not installed: pip install 'eigenscope[tables]'"
        raise OptionError(text) from None


def as_parquet(run: str, readings: Sequence[Reading]) -> bytes:
    """The same table with types: step and layer are integers, value is a double, and no layer is a null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, whole = pa.string(), pa.int64()
    columns = {
        "run": pa.array([run] * len(readings), text),
        "step": pa.array([one.step for one in readings], whole),
        "tensor": pa.array([one.tensor for one in readings], text),
        "type": pa.array([one.kind for one in readings], text),
        "layer": pa.array([one.layer for one in readings], whole),
        "metric": pa.array([one.metric for one in readings], text),
        "value": pa.array([one.value for one in readings], pa.float64()),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def as_jsonl(readings: Sequence[Reading]) -> bytes:
    """A line for each step, the argument of `wandb.log`: {"step": 10, "<metric>/<tensor>": value}."""
    steps: dict[int, dict[str, float | int]] = {}
    for one in readings:
        steps.setdefault(one.step, {"step": one.step})[f"{one.metric}/{one.tensor}"] = one.value
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in steps.values()).encode()
