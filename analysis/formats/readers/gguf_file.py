"""GGUF, of llama.cpp: numbered values, a list of tensors, then their blocks of codes.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The header is read here, every count and offset against the
file; `gguf`, an extra of this package, knows the types of blocks and turns them into float32.
"""

import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from analysis.attention import attention_facts
from analysis.errors import DamagedFile, UnknownFormat, escape
from analysis.formats.hostile_json import text_facts
from analysis.formats.safetensors import check_new_name
from analysis.formats.stored import CHUNK, Array, Aside, Contents, Fact, Format, Stored, Words

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = "general.alignment"
MOST_DIMENSIONS = 4  # GGML_MAX_DIMS
MOST_ELEMENTS = 2**22  # of an array in the header; vocabularies have some 2^18
LARGEST_SIZE = 2**56
LONGEST_TEXT = 2**24
TEXT, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
PLAIN = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64",
         "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64"}  # fmt: skip
INSTALL = "GGUF is read with the package gguf, which is not installed. Run pip install 'eigenscope[formats]'."


@dataclass(frozen=True, slots=True)
class Blocks:
    """A tensor of quantised blocks, which reads as float32."""

    path: Path
    start: int
    shape: tuple[int, ...]
    kind: int  # GGMLQuantizationType
    block: int  # elements in a block
    width: int  # bytes of a block

    @property
    def dtype(self) -> str:
        return "float32"

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return 4 * self.size

    def load(self) -> Words:
        values = np.empty(self.size, "<i4")
        end = 0
        for part in self.chunks():
            values[end : end + part.size] = part
            end += part.size
        return values.reshape(self.shape)

    def chunks(self) -> Iterator[Words]:
        rest, step = self.size // self.block, max(1, CHUNK // (4 * self.block))
        with self.path.open("rb") as file:
            file.seek(self.start)
            while rest:
                count = min(rest, step)
                rest -= count
                yield self._dequantise(file.read(count * self.width), count)

    def _dequantise(self, data: bytes, count: int) -> Words:
        from gguf import GGMLQuantizationType, quants

        if len(data) < count * self.width:
            raise DamagedFile(f"{escape(self.path.name)} has become shorter since it was opened", "truncated-file")
        codes = np.frombuffer(data, np.uint8).reshape(count, self.width)
        with np.errstate(all="ignore"):  # scales may be infinite: that is the tensor's own fault, and found later
            values = quants.dequantize(codes, GGMLQuantizationType(self.kind))
        return np.ascontiguousarray(values, "<f4").reshape(-1).view("<i4")


class Reader:
    """The header of a file, value by value; DamagedFile where it ends early."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def take(self, count: int) -> bytes:
        data = self.file.read(count) if count <= self.size - self.file.tell() else b""
        if len(data) < count:
            raise _bad("its header is cut off", "truncated-file")
        return data

    def number(self, code: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize(code)))[0]

    def text(self) -> str:
        length = self.number("Q")
        if length > LONGEST_TEXT:
            raise _bad(f"its header has text of {length:,} bytes", "bad-header")
        return self.take(length).decode("utf-8", "surrogateescape")

    def value(self) -> Any:
        """A number or text; None for an array."""
        kind = self.number("I")
        if kind != ARRAY:
            return self._one(kind)
        inner, count = self.number("I"), self.number("Q")
        if count > MOST_ELEMENTS:
            raise UnknownFormat(
                f"its header has an array of {count:,} elements; at most {MOST_ELEMENTS:,}", "big-index"
            )
        if inner in SCALARS:
            self.take(count * struct.calcsize(SCALARS[inner]))
            return None
        for _ in range(count):
            self._one(inner)
        return None

    def _one(self, kind: int) -> Any:
        if kind == TEXT:
            return self.text()
        if kind not in SCALARS:
            raise _bad(f"its header has a value of the unknown type {kind}", "bad-header")
        return self.number(SCALARS[kind])

    def count(self, least: int, what: str) -> int:
        """How many follow, each of `least` bytes or more."""
        count = int(self.number("Q"))
        if count * least > self.size:
            raise _bad(f"it states {count:,} {what}, more than fit into its {self.size:,} bytes", "bad-header")
        return count


@dataclass(frozen=True, slots=True)
class Info:
    """What the header says of a tensor."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def _contents(path: Path) -> Contents:
    types = _types()
    size = path.stat().st_size
    with path.open("rb") as file:
        reader = Reader(file, size)
        reader.take(len(MAGIC))
        version = reader.number("I")
        if version not in VERSIONS:
            raise UnknownFormat(f"GGUF version {version} is not read; save it again as version 3", "gguf-model")
        tensors, values = reader.count(24, "tensors"), reader.count(13, "values")
        metadata = {reader.text(): reader.value() for _ in range(values)}
        infos = [_info(reader) for _ in range(tensors)]
        start = _align(file.tell(), metadata.get(ALIGNMENT, 32))
    arrays: dict[str, Array] = {}
    exclusions: dict[str, Aside] = {}
    spans: list[tuple[int, int, str]] = []
    for info in infos:
        _check_name(info.name, info.name in arrays or info.name in exclusions)
        array, nbytes = _array(path, info, start, types)
        spans.append((start + info.offset, start + info.offset + nbytes, info.name))
        if isinstance(array, Aside):
            exclusions[info.name] = array
        else:
            arrays[info.name] = array
    _check_spans(spans, size)
    _check_end(spans, size, metadata.get(ALIGNMENT, 32))
    return Contents(arrays, {**text_facts(metadata), **_heads(metadata), **_kinds(infos, types)}, exclusions)


def _heads(said: Mapping[str, Any]) -> dict[str, Fact]:
    """How many heads the model has. In every GGUF a fused projection lies as queries, keys, values."""
    prefix = said.get("general.architecture")
    keys = {
        "num_attention_heads": "attention.head_count",
        "num_key_value_heads": "attention.head_count_kv",
        "head_dim": "attention.key_length",
        "hidden_size": "embedding_length",
    }
    return attention_facts({key: said.get(f"{prefix}.{name}") for key, name in keys.items()})


def _types() -> dict[int, tuple[str, int, int, bool]]:
    """Of each type: its name, the elements and bytes of a block, and whether it can be turned into float32."""
    try:
        import gguf
    except ImportError:
        raise UnknownFormat(INSTALL, "gguf-model") from None
    able = gguf.quants._type_traits
    return {int(kind): (kind.name, *gguf.GGML_QUANT_SIZES[kind], kind in able) for kind in gguf.GGML_QUANT_SIZES}


def _info(reader: Reader) -> Info:
    name, dimensions = reader.text(), reader.number("I")
    if dimensions > MOST_DIMENSIONS:
        raise _bad(f"tensor {escape(name)} has {dimensions:,} dimensions", "bad-header")
    shape = tuple(reader.number("Q") for _ in range(dimensions))
    if math.prod(length for length in shape if length) >= LARGEST_SIZE:
        raise _bad(f"tensor {escape(name)} of shape {list(shape)} is larger than any file", "bad-offsets")
    return Info(name, shape[::-1], reader.number("I"), reader.number("Q"))


def _align(place: int, alignment: object) -> int:
    if not isinstance(alignment, int) or not 0 < alignment <= 2**20:
        raise _bad(f"its alignment is {escape(alignment)}", "bad-header")
    return -(-place // alignment) * alignment


def _check_name(name: str, there: bool) -> None:
    if not name:
        raise _bad("one of its tensors has no name", "bad-name")
    check_new_name(name, there, "Convert it again.")


def _array(
    path: Path, info: Info, start: int, types: dict[int, tuple[str, int, int, bool]]
) -> tuple[Array | Aside, int]:
    """The tensor, and the bytes that it takes in the file."""
    if info.kind not in types:
        text = f"tensor {escape(info.name)} has the type {info.kind}, which is not known here"
        raise UnknownFormat(f"{text}. A newer version of the package gguf may know it.", "unknown-dtype")
    name, block, width, able = types[info.kind]
    row = info.shape[-1] if info.shape else 1
    if row % block:
        raise _bad(f"tensor {escape(info.name)} has rows of {row:,}, no whole blocks of {name}", "bad-offsets")
    nbytes = math.prod(info.shape) // block * width
    place = start + info.offset
    if name in PLAIN:
        return Stored(path, place, info.shape, PLAIN[name]), nbytes
    if not able:
        return Aside(info.shape, name, nbytes, f"quantised as {name}, which the package gguf cannot turn back"), nbytes
    return Blocks(path, place, info.shape, info.kind, block, width), nbytes


def _check_spans(spans: list[tuple[int, int, str]], size: int) -> None:
    for _, end, name in spans:
        if end > size:
            raise _bad(f"tensor {escape(name)} ends {end - size:,} bytes behind the end of the file", "truncated-file")
    data_spans = sorted(span for span in spans if span[1] > span[0])
    for (_, end, name), (begin, _, other) in pairwise(data_spans):
        if begin < end:
            raise _bad(f"tensor {escape(name)} overlaps with tensor {escape(other)}", "bad-offsets")


def _check_end(spans: list[tuple[int, int, str]], size: int, alignment: object) -> None:
    """Raises DamagedFile where more follows the last tensor than what aligns it."""
    end = max((_align(end, alignment) for _, end, _ in spans), default=size)
    if size > end:
        text = f"{size - end:,} bytes follow its last tensor, as where two files are one after the other. "
        raise DamagedFile(text + "Download or convert it again.", "trailing-bytes")


def _kinds(infos: list[Info], types: dict[int, tuple[str, int, int, bool]]) -> dict[str, Fact]:
    """The types of its tensors, the most common first, as a fact."""
    kinds = Counter(types[info.kind][0] for info in infos).most_common()
    return {"quantisation": ", ".join(f"{name} ({count})" for name, count in kinds)} if kinds else {}


def _bad(reason: str, code: str) -> DamagedFile:
    return DamagedFile(f"{reason}. The file is cut off or damaged: download or convert it again.", code)


GGUF = Format("gguf", "GGUF", lambda head: head.startswith(MAGIC), _contents)
