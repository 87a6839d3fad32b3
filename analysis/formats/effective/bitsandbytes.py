"""bitsandbytes: LLM.int8() with one scale for each output, and nf4 and fp4 with one for each block.

The formulas are those of its functions for processors (bitsandbytes/backends/default/ops.py).
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.numbers import each
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Settings, Tensors

STATES = ("bitsandbytes__nf4", "bitsandbytes__fp4")
LARGEST_STATE = 2**16  # bytes of its JSON
MOST = 2**40  # entries that a state may claim


def find(tensors: Tensors, settings: Settings) -> Iterator[Effective]:
    for name in tensors:
        if name.endswith(".weight"):
            weight = _eight_bits(name, tensors) or _four_bits(name, tensors)
            if weight is not None:
                yield weight


def _eight_bits(name: str, tensors: Tensors) -> Effective | None:
    """W = q · SCB / 127, where the rows lie in their order (weight_format 0)."""
    stem = name.removesuffix("weight")
    scales, order = f"{stem}SCB", f"{stem}weight_format"
    shape = tensors[name].shape
    if tensors[name].dtype != "int8" or scales not in tensors or len(shape) != 2 or tensors[scales].shape != shape[:1]:
        return None
    if order in tensors and tensors[order].size == 1 and int(tensors[order].load().reshape(-1)[0]) != 0:
        return None
    reasons = {scales: f"the scales of the quantised weight {escape(name)}"}
    if order in tensors:
        reasons[order] = f"how the quantised weight {escape(name)} lies"
    how = "dequantised from bitsandbytes: 8 bits, a scale for each output"
    return Effective(name, name, shape, {"codes": name, "scales": scales}, "int8", how, {}, reasons, quantised=True)


def _four_bits(name: str, tensors: Tensors) -> Effective | None:
    """Codes into a table of 16 values, the upper half of each byte first, and the largest value of each block."""
    state = next((f"{name}.quant_state.{kind}" for kind in STATES if f"{name}.quant_state.{kind}" in tensors), None)
    if state is None or tensors[name].dtype != "uint8" or tensors[state].nbytes > LARGEST_STATE:
        return None
    fields = _state(tensors[state].load().tobytes())
    leaves = {"largest": "absmax", "table": "quant_map", "nested": "nested_absmax", "nested_table": "nested_quant_map"}
    parts = {"codes": name, **{part: f"{name}.{leaf}" for part, leaf in leaves.items() if f"{name}.{leaf}" in tensors}}
    shape: Any = fields.get("shape")
    block: Any = fields.get("blocksize")
    if not _is_shape(shape) or not _is_count(block) or not {"largest", "table"} <= set(parts):
        return None
    size = math.prod(shape)
    if tensors[name].size != -(-size // 2) or tensors[parts["largest"]].size != -(-size // block):
        return None
    if tensors[parts["table"]].size != 16 or not _fits_nested(fields, parts, tensors):
        return None
    reasons = {other: f"a part of the quantised weight {escape(name)}" for other in (state, *parts.values())}
    del reasons[name]
    kind = str(fields.get("quant_type", state.rpartition("__")[2]))
    how = f"dequantised from bitsandbytes {escape(kind)}: 4 bits, blocks of {block}"
    numbers = {"block": block}
    if "nested" in parts:
        numbers["nested_block"] = fields["nested_blocksize"]
        parts["state"] = state
    return Effective(name, name, tuple(shape), parts, "blocks", how, numbers, reasons, quantised=True)


def _state(text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 4 and all(map(_is_count, value)) and math.prod(value) < MOST


def _fits_nested(fields: dict[str, Any], parts: dict[str, str], tensors: Tensors) -> bool:
    if ("nested" in parts) != ("nested_table" in parts):
        return False
    if "nested" not in parts:
        return tensors[parts["largest"]].dtype != "uint8"
    block, offset = fields.get("nested_blocksize"), fields.get("nested_offset")
    if not _is_count(block) or isinstance(offset, bool) or not isinstance(offset, int | float):
        return False
    count = tensors[parts["largest"]].size
    return tensors[parts["nested"]].size == -(-count // int(str(block))) and tensors[parts["nested_table"]].size == 256


def _largest(made: Effective, read: Parts) -> Array:
    """The largest absolute value of each block, itself dequantised where it is stored as codes."""
    largest = read("largest").reshape(-1)
    if "nested" not in made.parts:
        return largest.astype(np.float32)
    offset = float(_state(read("state").tobytes())["nested_offset"])
    scale = each(read("nested").astype(np.float32).reshape(-1), made.numbers["nested_block"], len(largest))
    return np.asarray(read("nested_table").astype(np.float32).reshape(-1)[largest] * scale + np.float32(offset))


def _blocks(made: Effective, read: Parts) -> Array:
    codes = read("codes").reshape(-1)
    size = math.prod(made.shape)
    q = np.stack([codes >> 4, codes & 15], axis=-1).reshape(-1)[:size]
    scale = each(_largest(made, read), made.numbers["block"], size)
    return np.asarray(read("table").astype(np.float32).reshape(-1)[q] * scale).reshape(made.shape)


def _step(made: Effective, read: Parts) -> Array:
    """The mean distance of the table's neighbours, in each block."""
    table = np.sort(read("table").astype(np.float32).reshape(-1))
    return _largest(made, read) * np.float32((table[-1] - table[0]) / (len(table) - 1))


FORMULAS = {
    "int8": Formula(
        lambda made, read: read("codes").astype(np.float32) * (read("scales").astype(np.float32) / 127)[:, None],
        lambda made, read: read("scales").astype(np.float32) / 127,
    ),
    "blocks": Formula(_blocks, _step),
}
