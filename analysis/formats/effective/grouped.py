"""Codes whose groups are the rows or the columns of a table, several rows of it in a word: HQQ and quanto.

HQQ (hqq/core/quantize.py) keeps what it needs beside the codes, as tensors. quanto (optimum/quanto/tensor) does not
keep the shape of the weight: where its groups are shorter than its rows, the bias or the norms of the block say it.
"""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.numbers import INTEGERS
from analysis.formats.effective.numbers import numbers as values_of
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Tensors
from analysis.formats.stored import Array as Stored
from analysis.names import parts, place_of, role_of
from analysis.tensors.constants import FLOATS

# HQQ's kinds of packing: bits of a code, rows of the table in a word, its dtype
PACKINGS = MappingProxyType({
    "8bit_u8": (8, 1, "uint8"), "4bit_u8": (4, 2, "uint8"), "3bit_32": (3, 10, "int32"), "2bit_u8": (2, 4, "uint8"),
    "1bit_u8": (1, 8, "uint8"),
})  # fmt: skip
LONGEST = 64  # numbers of a tensor that holds a setting
GROUPS = (128, 96, 64, 32)  # quanto's sizes of a group (optimum/quanto/nn/qmodule.py)
FROM_STATES = ("q", "k", "v", "qkv", "gate", "up", "gate_up")  # roles of layers whose inputs are the block's states
TO_STATES = ("o", "down")  # and of those whose outputs are


def find(tensors: Tensors) -> Iterator[Effective]:
    gains = _find_gains(tensors)
    for name in tensors:
        weight = _hqq(name, tensors) if name.endswith("W_q") else None
        if name.endswith("weight._data._data"):
            weight = _quanto(name, tensors, gains)
        if weight is not None:
            yield weight


# --- HQQ: W_q, scale, zero, and shape, axis, packing as tensors -----------------------------------------------------


def _hqq(name: str, tensors: Tensors) -> Effective | None:
    """W = (q − zero) · scale over groups along an axis of a table, which is then seen as `shape`."""
    stem, stored = name.removesuffix("W_q"), tensors[name]
    settings = {leaf: _setting(tensors.get(stem + leaf)) for leaf in ("shape", "axis", "packing", "view_as_float")}
    packing = PACKINGS.get("".join(chr(code) for code in settings["packing"] if 0 < code < 128))
    if packing is None or any(settings["view_as_float"]) or len(stored.shape) != 2 or 0 in stored.shape:
        return None
    bits, slots, dtype = packing
    rows, left = divmod(math.prod(settings["shape"]), stored.shape[1])
    held = slots * stored.shape[0]
    if stored.dtype != dtype or len(settings["shape"]) != 2 or min(settings["shape"]) < 1:
        return None
    if left or not held - slots < rows <= held:
        return None
    axis = settings["axis"]
    sides = (1, stored.shape[1]) if axis == [0] else (rows, 1) if axis == [1] else None
    groups = [tensors.get(stem + leaf) for leaf in ("scale", "zero")]
    if sides is None or any(group is None or not _is_floats(group, sides) for group in groups):
        return None
    weight, shape = f"{stem}weight", (settings["shape"][0], settings["shape"][1])
    own_parts = {"codes": name, "scales": f"{stem}scale", "zeros": f"{stem}zero"}
    numbers = {"bits": bits, "slots": slots, "rows": rows}
    size = rows * stored.shape[1] // max(1, math.prod(sides))
    how = f"dequantised from HQQ: {bits} bits, groups of {size}"
    reasons = _reasons(weight, own_parts)
    return Effective(name, weight, shape, own_parts, "hqq", how, numbers, reasons, quantised=True)


def _setting(stored: Stored | None) -> list[int]:
    """The whole numbers of a small tensor; none of any other."""
    if stored is None or stored.dtype not in INTEGERS or not 0 < stored.size <= LONGEST:
        return []
    return [int(value) for value in values_of(stored).reshape(-1)]


def _is_floats(stored: Stored, shape: tuple[int, ...]) -> bool:
    return stored.dtype in FLOATS and (stored.shape == shape or stored.size == 1)


def _reasons(weight: str, own: Mapping[str, str]) -> dict[str, str]:
    what = {"scales": "the scales", "zeros": "the zero points"}
    return {own[part]: f"{words} of the quantised weight {escape(weight)}" for part, words in what.items()}


def _hqq_values(made: Effective, read: Parts) -> Array:
    table = _unpack(read("codes"), made.numbers["bits"], made.numbers["slots"], descending=True)
    codes = table[: made.numbers["rows"]].astype(np.float32)
    return np.asarray((codes - _floats(read("zeros"))) * _floats(read("scales"))).reshape(made.shape)


def _floats(array: Array) -> Array:
    return array.astype(np.float32).reshape(() if array.size == 1 else array.shape)


def _unpack(packed: Array, bits: int, slots: int, descending: bool) -> Array:
    """The rows of the table: each word holds one of every `1 / slots` of them, the first in its highest bits or not."""
    words = packed.view(np.uint32) if packed.dtype.itemsize == 4 else packed.view(np.uint8)
    places = range(slots - 1, -1, -1) if descending else range(slots)
    return np.concatenate([(words >> words.dtype.type(bits * place)) & (2**bits - 1) for place in places])


# --- quanto: weight._data._data, weight._scale, weight._shift -------------------------------------------------------


def _quanto(name: str, tensors: Tensors, gains: Mapping[tuple[int, ...], int]) -> Effective | None:
    """Four or two bits: W = scale · q − shift, or scale · (q − shift) where the shifts are whole numbers."""
    stem = name.removesuffix("_data._data")
    scales, shifts, stored = tensors.get(f"{stem}_scale"), tensors.get(f"{stem}_shift"), tensors[name]
    if scales is None or shifts is None or stored.dtype != "uint8" or scales.shape != shifts.shape:
        return None
    rows = scales.shape[0] if scales.shape else 0
    if len(stored.shape) < 2 or rows < 2 or scales.shape != (rows, *(1 for _ in stored.shape[1:])):
        return None
    bits = next((bits for bits in (4, 2) if stored.shape[0] == -(-rows * bits // 8)), 0)
    shape = _quanto_shape(stem.removesuffix("weight."), (rows, *stored.shape[1:]), tensors, gains)
    if not bits or shape is None or scales.dtype not in FLOATS or shifts.dtype not in (*FLOATS, "int8", "uint8"):
        return None
    weight = stem.removesuffix(".")
    own_parts = {"codes": name, "scales": f"{stem}_scale", "zeros": f"{stem}_shift"}
    numbers = {"bits": bits, "rows": rows, "whole": int(shifts.dtype not in FLOATS)}
    how = f"dequantised from quanto: {bits} bits, groups of {math.prod(stored.shape[1:])}"
    return Effective(name, weight, shape, own_parts, "quanto", how, numbers, _reasons(weight, own_parts), True)


def _quanto_shape(
    stem: str, table: tuple[int, ...], tensors: Tensors, gains: Mapping[tuple[int, ...], int]
) -> tuple[int, ...] | None:
    """The shape of the weight, whose groups are the rows of the table; None where nothing says it.

    Rows as long as no group are whole. Others may be parts of rows, of a linear layer or of a convolution: only the
    roles of linear layers are put together.
    """
    if len(table) > 2 or table[1] not in GROUPS:
        return table
    role, size = role_of(f"{stem}weight"), math.prod(table)
    bias = tensors.get(f"{stem}bias")
    outputs = bias.shape[0] if bias is not None and len(bias.shape) == 1 else 0
    if outputs == table[0]:
        return table
    if not outputs and (states := gains.get(place_of(f"{stem}weight"), 0)):
        outputs = states if role in TO_STATES else size // states if role in FROM_STATES else 0
    if role not in (*FROM_STATES, *TO_STATES) or not outputs or size % outputs or size // outputs % table[1]:
        return None
    return (outputs, size // outputs)


def _find_gains(tensors: Tensors) -> dict[tuple[int, ...], int]:
    """How long the norms right in a block are, where all are as long: the length of the block's states."""
    if not any(name.endswith("._data._data") for name in tensors):
        return {}
    lengths: dict[tuple[int, ...], set[int]] = {}
    for name, stored in tensors.items():
        words = parts(name)
        if len(stored.shape) == 1 and name.endswith("weight") and len(words) > 1 and words[-2].isdigit():
            lengths.setdefault(place_of(name), set()).add(stored.shape[0])
    return {place: found.pop() for place, found in lengths.items() if len(found) == 1}


def _quanto_values(made: Effective, read: Parts) -> Array:
    bits = made.numbers["bits"]
    codes = _unpack(read("codes"), bits, 8 // bits, descending=False)[: made.numbers["rows"]].astype(np.float32)
    scales, shifts = read("scales").astype(np.float32), read("zeros").astype(np.float32)
    values = scales * (codes - shifts) if made.numbers["whole"] else scales * codes - shifts
    return np.asarray(values).reshape(made.shape)


def _scales(made: Effective, read: Parts) -> Array:
    return read("scales")


FORMULAS = {"hqq": Formula(_hqq_values, _scales), "quanto": Formula(_quanto_values, _scales)}
