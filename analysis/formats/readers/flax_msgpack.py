"""Flax's msgpack (`flax_model.msgpack`): maps of text to maps and arrays, each array an extension of type 1.

flax/serialization.py, `_msgpack_ext_pack` and `_chunk_array_leaves_in_place`; https://github.com/msgpack/msgpack. The
bytes of an array stay in the file, which may be far larger than the memory: only their places are read here.
"""

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import DamagedFile, UnsafeFile, escape
from analysis.formats.arrays import Joined, Piece
from analysis.formats.dtypes import DTYPES
from analysis.formats.hostile_json import text_facts
from analysis.formats.safetensors import check_new_name
from analysis.formats.stored import MOST_DIMENSIONS, Array, Aside, Contents, Format, Stored

ARRAY, SCALAR = 1, 3  # flax/serialization.py, _MsgpackExtType
CHUNKED = "__msgpack_chunked_array__"
MOST_VALUES = 2_000_000
UNBOUNDED = "it unfolds without bound: far too many values, or too deep."
DEEPEST = 64
LONGEST_TEXT = 2**16
LARGEST_SIZE = 2**56
# first byte -> bytes of the length behind it
MAPS, LISTS = {0xDE: 2, 0xDF: 4}, {0xDC: 2, 0xDD: 4}
TEXTS, BINARIES = {0xD9: 1, 0xDA: 2, 0xDB: 4}, {0xC4: 1, 0xC5: 2, 0xC6: 4}
EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
NUMBERS = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
FLOATS = {0xCA: 4, 0xCB: 8}
PLAIN = {0xC0: None, 0xC2: False, 0xC3: True}


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes within the file: binary, or an extension of that type."""

    start: int
    nbytes: int
    kind: int = 0


class Reader:
    """One value after another; DamagedFile where the file ends early."""

    def __init__(self, data: mmap.mmap, place: int, end: int, left: int = MOST_VALUES) -> None:
        self.data, self.place, self.end, self.left = data, place, end, left

    def take(self, count: int) -> bytes:
        self.skip(count)
        return self.data[self.place - count : self.place]

    def skip(self, count: int) -> None:
        if count > self.end - self.place:
            raise damage(f"it ends {count - self.end + self.place:,} bytes early")
        self.place += count

    def _number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def value(self, depth: int = 0) -> Any:
        """A number, text, list, dict, or the Place of bytes."""
        self.left -= 1
        if self.left < 0 or depth > DEEPEST:
            raise UnsafeFile(UNBOUNDED, "unbounded")
        first = self.take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 256
        if (length := self._length(first, MAPS, 0x80, 15)) is not None:
            return self._map(length, depth)
        if (length := self._length(first, LISTS, 0x90, 15)) is not None:
            self._check_count(length, 1)
            return [self.value(depth + 1) for _ in range(length)]
        if (length := self._length(first, TEXTS, 0xA0, 31)) is not None:
            return self._text(length)
        return self._other(first)

    def _length(self, first: int, widths: dict[int, int], fixed: int, most: int) -> int | None:
        if fixed <= first <= fixed + most:
            return first - fixed
        return self._number(widths[first]) if first in widths else None

    def _check_count(self, count: int, least: int) -> None:
        if count * least > self.end - self.place:
            raise damage(f"it states {count:,} values, more than fit into its bytes")
        if count * least > self.left:
            raise UnsafeFile(UNBOUNDED, "unbounded")

    def _map(self, length: int, depth: int) -> dict[str, Any]:
        self._check_count(length, 2)
        entries: dict[str, Any] = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise damage("a key is neither text nor a number")
            if str(key) in entries:
                raise DamagedFile(f"{escape(key)} is in it twice. Save it again.", "duplicate-tensor")
            entries[str(key)] = self.value(depth + 1)
        return entries

    def _text(self, length: int) -> str:
        if length > LONGEST_TEXT:
            raise damage(f"it has text of {length:,} bytes")
        return self.take(length).decode("utf-8", "surrogateescape")

    def _other(self, first: int) -> Any:
        if first in PLAIN:
            return PLAIN[first]
        if first in NUMBERS:
            return int.from_bytes(self.take(NUMBERS[first]), "big", signed=first >= 0xD0)
        if first in FLOATS:
            self.skip(FLOATS[first])
            return None
        kind, length = 0, self._number(BINARIES[first]) if first in BINARIES else -1
        if first in EXTENSIONS or first in FIXED_EXTENSIONS:
            length = FIXED_EXTENSIONS.get(first) or self._number(EXTENSIONS[first])
            kind = self.take(1)[0]
        if length < 0:
            raise damage(f"a value begins with the byte {first:02x}")
        place = Place(self.place, length, kind)
        self.skip(length)
        return place


def damage(what: str) -> DamagedFile:
    return DamagedFile(f"its msgpack is cut off or damaged: {what}. Download or save it again.", "truncated-file")


def _recognises(head: bytes) -> bool:
    """A map whose first key is text."""
    if not head:
        return False
    start = 1 if 0x81 <= head[0] <= 0x8F else 3 if head[0] == 0xDE else 5 if head[0] == 0xDF else 0
    return 0 < start < len(head) and (0xA1 <= head[start] <= 0xBF or head[start] == 0xD9)


def _contents(path: Path) -> Contents:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = Reader(data, 0, len(data))
        tree = reader.value()
        if reader.place < len(data):
            text = f"{len(data) - reader.place:,} bytes follow its end, which Flax never writes. Save it again."
            raise DamagedFile(text, "trailing-bytes")
        tensors: dict[str, Array] = {}
        exclusions: dict[str, Aside] = {}
        facts: dict[str, Any] = {}
        for name, leaf in _leaves(tree):
            check_new_name(name, name in tensors or name in exclusions, "Save it again.", "array")
            array = _array(path, data, name, leaf)
            if isinstance(array, Aside):
                exclusions[name] = array
            elif array is not None:
                tensors[name] = array
            else:
                facts[name] = leaf
    return Contents(tensors, text_facts(facts), exclusions)


def _leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every value with its keys, joined as Flax joins them. A chunked array is one."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), tree)]
    while waiting:
        keys, value = waiting.pop()
        if isinstance(value, dict) and CHUNKED not in value:
            waiting += reversed([((*keys, key), inner) for key, inner in value.items()])
        elif isinstance(value, list):
            waiting += reversed([((*keys, str(place)), inner) for place, inner in enumerate(value)])
        else:
            yield "/".join(keys), value


def _array(path: Path, data: mmap.mmap, name: str, leaf: Any) -> Array | Aside | None:
    """The array that a leaf is; None of plain values."""
    if isinstance(leaf, dict):
        return _joined(path, data, name, leaf)
    if not isinstance(leaf, Place):
        return None
    if leaf.kind not in (ARRAY, SCALAR):
        return Aside((), "object", leaf.nbytes, "bytes of another kind than an array of Flax")
    return _stored(path, data, name, leaf)


def _stored(path: Path, data: mmap.mmap, name: str, place: Place) -> Stored | Aside:
    """One array: its shape, the name of its dtype, and its bytes."""
    header = Reader(data, place.start, place.start + place.nbytes, 4 + MOST_DIMENSIONS).value()
    if not isinstance(header, list) or len(header) != 3:
        raise _bad(name, "it has no shape, dtype and bytes", "bad-header")
    shape, dtype, body = header
    if not isinstance(shape, list) or not all(isinstance(length, int) and 0 <= length < 2**56 for length in shape):
        raise _bad(name, "its shape is not whole numbers from 0 up", "bad-header")
    if not isinstance(dtype, str) or not isinstance(body, Place):
        raise _bad(name, "it has no dtype and bytes", "bad-header")
    if dtype not in DTYPES:
        return Aside(tuple(shape), dtype[:32], body.nbytes, f"an array of dtype {escape(dtype)}, no numbers known here")
    if math.prod(length for length in shape if length) >= LARGEST_SIZE:
        raise _bad(name, f"shape {shape} has more elements than any file", "bad-header")
    array = Stored(path, body.start, tuple(shape), dtype)
    if array.nbytes != body.nbytes:
        raise _bad(name, f"{dtype} {shape} takes {array.nbytes:,} bytes, and it has {body.nbytes:,}", "bad-offsets")
    return array


def _joined(path: Path, data: mmap.mmap, name: str, leaf: dict[str, Any]) -> Array:
    """An array of more than 2^30 bytes, which Flax writes flat and in parts."""
    shape, chunks = (_in_order(leaf.get(key)) for key in ("shape", "chunks"))
    if not chunks or not all(isinstance(length, int) and length >= 0 for length in shape):
        raise _bad(name, "it is in parts, without its shape or without the parts", "bad-header")
    parts = [_stored(path, data, name, chunk) for chunk in chunks if isinstance(chunk, Place)]
    flat_parts = [part for part in parts if isinstance(part, Stored) and len(part.shape) == 1]
    size = sum(part.size for part in flat_parts)
    is_uniform = len(flat_parts) == len(chunks) and len({part.dtype for part in flat_parts}) == 1
    if not is_uniform or math.prod(shape) != size or len(shape) > MOST_DIMENSIONS:
        raise _bad(name, f"its parts do not make up the shape {escape(shape)}", "bad-offsets")
    pieces, begin = list[Piece](), 0
    for part in flat_parts:
        pieces.append(Piece((begin,), part))
        begin += part.size
    return Joined(tuple(pieces), (size,), tuple(shape), flat_parts[0].dtype)


def _in_order(values: Any) -> list[Any]:
    """What Flax writes for a list: a map from "0", "1", …"""
    if not isinstance(values, dict) or list(values) != [str(place) for place in range(len(values))]:
        return values if isinstance(values, list) else []
    return list(values.values())


def _bad(name: str, reason: str, code: str) -> DamagedFile:
    return DamagedFile(f"array {escape(name)}: {reason}. Download or save the file again.", code)


FLAX = Format("flax", "Flax msgpack", _recognises, _contents)
