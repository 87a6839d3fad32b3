"""Weights without their zeros: compressed-tensors' 2:4 bitmask, two values in four and a bit for each entry.

compressed_tensors/compressors/sparse_compressors/sparse_24_bitmask.py: `compressed` (out, in / 2), `bitmask`
(out, in / 8) with the least significant bit first, `shape`.
"""

from collections.abc import Iterator

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Tensors
from analysis.tensors.constants import FLOATS

HOW = "stored without its zeros: two values in four"


def find(tensors: Tensors) -> Iterator[Effective]:
    for name, stored in tensors.items():
        stem, dot, leaf = name.rpartition(".")
        mask, shape = f"{stem}{dot}bitmask", f"{stem}{dot}shape"
        if leaf != "compressed" or stored.dtype not in FLOATS or len(stored.shape) != 2:
            continue
        if f"{stem}{dot}weight_scale" in tensors or not {mask, shape} <= tensors.keys():
            continue
        if tensors[shape].shape != (2,) or tensors[shape].dtype not in ("int32", "int64"):
            continue
        rows, half = stored.shape
        extents = tuple(int(side) for side in tensors[shape].load())
        packed = tensors[mask]
        if extents != (rows, 2 * half) or packed.dtype != "uint8" or packed.shape != (rows, -(-half // 4)):
            continue
        if int(_bits(packed.load(), 2 * half).sum()) != stored.size:
            continue
        weight = stem if stem.endswith("weight") else f"{stem}{dot}weight"
        reasons = dict.fromkeys((mask, shape), f"where the values of {escape(weight)} lie")
        parts = {"values": name, "mask": mask}
        yield Effective(name, weight, extents, parts, "2:4", HOW, reasons=reasons)


def _bits(packed: Array, count: int) -> Array:
    return np.unpackbits(packed, axis=-1, count=count, bitorder="little")


def _values(made: Effective, read: Parts) -> Array:
    found = np.zeros(made.shape, np.float32)
    found[_bits(read("mask"), made.shape[1]).astype(bool)] = read("values").reshape(-1)
    return found


FORMULAS = {"2:4": Formula(_values)}
