"""ONNX: a protobuf with a graph, whose initializers are the weights, in the file or in others next to it.

https://github.com/onnx/onnx/blob/main/docs/IR.md and ExternalData.md. Nothing of the graph is run: its nodes say how a
tensor is used (use.py).
"""

import math
import mmap
from pathlib import Path, PurePosixPath

import numpy as np

from analysis.errors import DamagedFile, MissingShard, UnsafeFile, escape
from analysis.formats.arrays import Held
from analysis.formats.dtypes import DTYPES
from analysis.formats.hostile_json import text_facts
from analysis.formats.onnx.graph import Tensor, read_graph
from analysis.formats.onnx.numbers import dequantise
from analysis.formats.onnx.use import Use, uses
from analysis.formats.onnx.wire import Message
from analysis.formats.pytorch.state import FREE_GROWTH, MOST_GROWTH
from analysis.formats.safetensors import check_new_name
from analysis.formats.stored import Array, Aside, Contents, Format, Stored

KINDS = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16", 17: "float8_e4m3fn",
    18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz",
}  # fmt: skip
OTHER_KINDS = {0: "undefined", 8: "string", 21: "uint4", 22: "int4", 23: "float4"}
RAW, FLOATS, INTS, DOUBLES = 9, 4, 5, 10
MOST_VARINTS = 2**20  # numbers that are written one by one
SCALES = "scales of quantised weights, no weight"
CONSTANT = "a constant of the graph, which no layer takes as its weight"
LARGEST_SIZE = 2**56


def _recognises(head: bytes) -> bool:
    """A ModelProto: field 1 (ir_version), then one of the others; a SavedModel begins so too, and says "serve"."""
    if len(head) < 4 or head[0] != 0x08 or not 0 < head[1] < 0x40:
        return False
    return head[2] in (0x12, 0x1A, 0x3A, 0x42) and not (head[1] == 1 and b"serve" in head[:512])


def _contents(path: Path) -> Contents:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        graph = read_graph(Message(data, 0, len(data)))
        by_name = uses(graph)
        arrays: dict[str, Array | Aside] = {}
        for tensor in graph.tensors:
            check_new_name(tensor.name, tensor.name in arrays, "Export it again.")
            arrays[tensor.name] = _array(path, tensor)
    _check_growth(path, arrays)
    tensors: dict[str, Array] = {}
    exclusions: dict[str, Aside] = {}
    scale_names = {name for use in by_name.values() for name in (use.scale, use.zero)}
    for name, array in arrays.items():
        use = by_name[name]
        check_new_name(use.name, use.name in tensors or use.name in exclusions, "Export it again.")
        if isinstance(array, Aside):
            exclusions[use.name] = array
        elif name in scale_names or use.plain:
            reason = SCALES if name in scale_names else CONSTANT
            exclusions[use.name] = Aside(array.shape, array.dtype, array.nbytes, reason)
        else:
            tensors[use.name] = _used(array, use, arrays)
    return Contents(tensors, dict(text_facts({**graph.metadata, "producer": graph.producer})), exclusions)


def _used(array: Array, use: Use, arrays: dict[str, Array | Aside]) -> Array:
    """The tensor as PyTorch has it: its codes as values, its outputs first."""
    scale, zero = arrays.get(use.scale), arrays.get(use.zero)
    if isinstance(scale, Aside | None) or isinstance(zero, Aside):
        return _flip(array) if use.flips else array
    return dequantise(array, scale, zero, use.axis, use.flips) or (_flip(array) if use.flips else array)


def _flip(array: Array) -> Array:
    """The first two sides change places."""
    shape = array.shape
    if len(shape) < 2 or not isinstance(array, Stored):
        return array
    steps = [math.prod(shape[place + 1 :]) for place in range(len(shape))]
    return Stored(
        array.path, array.start, (shape[1], shape[0], *shape[2:]), array.dtype, (steps[1], steps[0], *steps[2:])
    )


def _array(path: Path, tensor: Tensor) -> Array | Aside:
    shape = tuple(tensor.shape)
    if math.prod(length for length in shape if length) >= LARGEST_SIZE:
        raise _damage(tensor.name, f"its shape {escape(list(shape))} is larger than any file", "bad-offsets")
    dtype = KINDS.get(tensor.kind)
    if dtype is None:
        kind = OTHER_KINDS.get(tensor.kind, f"the unknown type {tensor.kind}")
        return Aside(shape, kind, 0, f"an ONNX tensor of {kind}, no numbers that are read here")
    nbytes = DTYPES[dtype].nbytes(math.prod(shape)) or 0
    if tensor.is_external:
        return _external(path, tensor, shape, dtype, nbytes)
    plain = {"float32": FLOATS, "float64": DOUBLES}.get(dtype, RAW)
    data = tensor.data.get(RAW) or tensor.data.get(plain)
    if data is None and INTS in tensor.data and dtype in ("float16", "bfloat16"):
        return _words(path, tensor, shape, dtype)
    if data is None:
        return Aside(shape, dtype, 0, "an ONNX tensor without numbers, or of whole numbers written one by one")
    if data.nbytes != nbytes:
        text = f"{dtype} {list(shape)} takes {nbytes:,} bytes, and it has {data.nbytes:,}"
        raise _damage(tensor.name, text, "bad-offsets")
    return Stored(path, data.start, shape, dtype)


def _words(path: Path, tensor: Tensor, shape: tuple[int, ...], dtype: str) -> Array | Aside:
    """Half precision that is written as varints of its bits."""
    if math.prod(shape) > MOST_VARINTS:
        return Aside(shape, dtype, 0, "half precision written one number at a time: save it with raw_data")
    words = tensor.data[INTS].varints(MOST_VARINTS)
    if len(words) != math.prod(shape) or any(word >= 2**16 for word in words):
        raise _damage(tensor.name, f"it has {len(words):,} numbers for the shape {list(shape)}", "bad-offsets")
    return Held(path, np.array(words, "<u2").tobytes(), shape, dtype)


def _external(path: Path, tensor: Tensor, shape: tuple[int, ...], dtype: str, nbytes: int) -> Array:
    """A tensor whose numbers are in another file of the same folder."""
    place = _confine(path, tensor.external.get("location", ""))
    start = _count(tensor, "offset", 0)
    length = _count(tensor, "length", nbytes)
    if length != nbytes:
        raise _damage(tensor.name, f"{dtype} {list(shape)} takes {nbytes:,} bytes, not {length:,}", "bad-offsets")
    if start + nbytes > place.stat().st_size:
        raise _damage(tensor.name, f"it ends behind the end of {escape(place.name)}", "truncated-file")
    return Stored(place, start, shape, dtype)


def _count(tensor: Tensor, key: str, otherwise: int) -> int:
    text = tensor.external.get(key, "")
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise _damage(tensor.name, f"its {key} is {escape(text)}", "bad-header")
    return int(text)


def _confine(path: Path, location: str) -> Path:
    """The file of that name within the folder of the model; links may lead where the model's own link leads."""
    parts = PurePosixPath(location).parts
    is_outside = not parts or parts[0] == "/" or ".." in parts or not location.isprintable() or "\\" in location
    place = path.parent / location
    if not is_outside and place.is_file():
        real, homes = place.resolve(), (path.parent.resolve(), path.resolve().parent)
        is_outside = not any(real.is_relative_to(home) for home in homes)
    if is_outside:
        text = f"it names the file {escape(location)}, which is not inside its folder. Do not trust this model; where "
        raise UnsafeFile(text + "it is your own, save it again with its data next to it.", "shard-outside")
    if not place.is_file():
        text = f"it names the file {escape(location)}, which is not there. Give it too, or the whole folder."
        raise MissingShard(text)
    return place


def _damage(name: str, reason: str, code: str) -> DamagedFile:
    return DamagedFile(f"tensor {escape(name)}: {reason}. The file is damaged: download or export it again.", code)


def _check_growth(path: Path, arrays: dict[str, Array | Aside]) -> None:
    """Tensors may share the bytes of another file."""
    stored_arrays = [array for array in arrays.values() if not isinstance(array, Aside)]
    size = sum(file.stat().st_size for file in {path, *(array.path for array in stored_arrays)})
    total = sum(array.nbytes for array in stored_arrays)
    if total > MOST_GROWTH * size + FREE_GROWTH:
        text = f"its tensors share bytes, and take {total:,} out of files of {size:,}. Save each of them once."
        raise UnsafeFile(text, "unbounded")


ONNX = Format("onnx", "ONNX model", _recognises, _contents)
