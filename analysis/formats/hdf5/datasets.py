"""The datasets of an HDF5 file, each with its place in the file, its attributes and the groups that it lies in.

`h5py`, an extra of this package, reads the structure; the numbers are then read from the file at their offsets. What
leads elsewhere is refused before it is opened: links by name, links and datasets in other files, groups in themselves.
"""

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

from analysis.errors import CheckpointError, DamagedFile, UnknownFormat, UnsafeFile, escape
from analysis.formats.arrays import Held
from analysis.formats.hdf5.chunks import DEFLATE, FLETCHER, ORDERS, SHUFFLE, Chunk, Chunked
from analysis.formats.pytorch.archive import Part
from analysis.formats.pytorch.objects import NUMPY
from analysis.formats.pytorch.state import FREE_GROWTH, MOST_GROWTH
from analysis.formats.readers.numpy_file import PLAIN_BYTES
from analysis.formats.stored import MOST_DIMENSIONS, Array, Aside, Stored

MAGIC = b"\x89HDF\r\n\x1a\n"
DEEPEST = 64
MOST_OBJECTS = 200_000
MOST_CHUNKS = 500_000  # of all datasets
LONGEST_TEXT = 2**24  # bytes of an attribute: the model's config
LARGEST_SIZE = 2**56
SUPERBLOCK = 64  # bytes, up to the end of the file that it states
INSTALL = "HDF5, as Keras writes, is read with the package h5py, which is not installed. Run pip install "
INSTALL += "'eigenscope[formats]'."
BROKEN = (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, OverflowError, NotImplementedError,
          SystemError, ZeroDivisionError)  # fmt: skip
ALL_FILTERS = {DEFLATE, SHUFFLE, FLETCHER}

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """An array, and the names of the groups that lead to it, its own name last."""

    keys: Keys
    array: Array | Aside


@dataclass(frozen=True, slots=True)
class Tree:
    """What a file holds: its datasets in their order, and the text among the attributes of each group."""

    datasets: tuple[Dataset, ...]
    attributes: Mapping[Keys, Mapping[str, str]] = field(default_factory=dict)


def read_tree(path: Path, start: int = 0, length: int | None = None) -> Tree:
    """The file, or the part of it from `start` on. Raises CheckpointError."""
    h5py = _library()
    try:
        with path.open("rb") as file:
            part = Part(file, start, path.stat().st_size if length is None else length)
            _check_end(file, start, part.length)
            with h5py.File(io.BufferedReader(part), "r", locking=False) as root:
                tree = Walk(h5py, path, start, start + part.length).walk(root)
    except CheckpointError:
        raise
    except BROKEN as error:
        text = f"its HDF5 is cut off or damaged ({escape(error)}). Download or save it again."
        raise DamagedFile(text, "truncated-file") from None
    _check_growth(path, tree)
    return tree


def _check_end(file: BinaryIO, start: int, length: int) -> None:
    """Raises DamagedFile where bytes follow the end that its superblock states (HDF5 File Format, "Superblock")."""
    file.seek(start)
    head = file.read(SUPERBLOCK)
    version = head[8] if len(head) == SUPERBLOCK else 9
    if version > 3:
        return  # the library says what is wrong with it
    width, fields = (head[13], 24 + 4 * version) if version < 2 else (head[9], 12)
    at = fields + 2 * width
    end = int.from_bytes(head[at : at + width], "little")
    if width in (4, 8) and 0 < end < length:
        text = f"{length - end:,} bytes follow the end of its HDF5, as where two files are one after the other. "
        raise DamagedFile(text + "Download or save it again.", "trailing-bytes")


def _library() -> Any:
    try:
        import h5py
    except ImportError:
        raise UnknownFormat(INSTALL, "hdf5-file") from None
    return h5py


class Walk:
    """One walk through a file, every object once, in bounded number."""

    def __init__(self, h5py: Any, path: Path, start: int, end: int) -> None:
        self._h5py, self._path, self._start, self._end = h5py, path, start, end
        self._groups: set[int] = set()
        self._objects = self._chunks = 0
        self._attributes: dict[Keys, dict[str, str]] = {}

    def walk(self, opened: Any) -> Tree:
        root = opened["/"]
        self._groups.add(self._h5py.h5o.get_info(root.id).addr)
        return Tree(tuple(self._inside(root, ())), self._attributes)

    def _inside(self, group: Any, keys: Keys) -> Iterator[Dataset]:
        h5o = self._h5py.h5o
        if text := self._texts(group):
            self._attributes[keys] = text
        for raw in list(group.id):
            name = raw.decode("utf-8", "surrogateescape")
            self._count_object(keys, name)
            self._check_link(group, raw, name)
            info = h5o.get_info(group.id, raw)
            if info.type == h5o.TYPE_GROUP:
                self._enter(info.addr, name)
                yield from self._inside(self._h5py.Group(h5o.open(group.id, raw)), (*keys, name))
            elif info.type == h5o.TYPE_DATASET:
                yield Dataset((*keys, name), self._array(self._h5py.Dataset(h5o.open(group.id, raw)), name))

    def _count_object(self, keys: Keys, name: str) -> None:
        self._objects += 1
        if self._objects > MOST_OBJECTS or len(keys) >= DEEPEST:
            text = f"{escape(name)} is one of more than {MOST_OBJECTS:,} objects, or more than {DEEPEST} groups deep"
            raise UnsafeFile(f"{text}. Save the weights alone.", "unbounded")

    def _check_link(self, group: Any, raw: bytes, name: str) -> None:
        kind = group.id.links.get_info(raw).type
        if kind == self._h5py.h5l.TYPE_HARD:
            return
        what = "by its name" if kind == self._h5py.h5l.TYPE_SOFT else "in another file"
        text = f"{escape(name)} is a link to something {what}, which Keras never writes and is not followed here. "
        raise UnsafeFile(text + "Save the weights themselves, with model.save_weights.", "external-data")

    def _enter(self, address: int, name: str) -> None:
        if address in self._groups:
            text = f"the group {escape(name)} stands in it twice, or in itself. The file is damaged or malicious."
            raise UnsafeFile(text, "unbounded")
        self._groups.add(address)

    def _texts(self, group: Any) -> dict[str, str]:
        """The attributes that are one text."""
        texts = {}
        for name in list(group.attrs):
            attribute = group.attrs.get_id(name)
            if attribute.shape != () or attribute.get_storage_size() > LONGEST_TEXT:
                continue
            if self._h5py.check_string_dtype(attribute.dtype) is not None:
                value = group.attrs[name]
                texts[str(name)] = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return texts

    # One dataset

    def _array(self, dataset: Any, name: str) -> Array | Aside:
        plan, shape = dataset.id.get_create_plist(), dataset.shape
        if plan.get_layout() == self._h5py.h5d.VIRTUAL or plan.get_external_count():
            text = f"the numbers of {escape(name)} lie in another file. Save the weights in one file."
            raise UnsafeFile(text, "external-data")
        dtype, big = self._dtype(dataset)
        if shape is None or dtype is None:
            return Aside(shape or (), "object", 0, "a dataset of no numbers that are read here")
        if len(shape) > MOST_DIMENSIONS or math.prod(length for length in shape if length) >= LARGEST_SIZE:
            raise _damage(name, f"its shape {escape(list(shape))} is larger than any file", "bad-header")
        return self._place(dataset, plan, name, dtype, big)

    def _dtype(self, dataset: Any) -> tuple[str | None, bool]:
        """A key of DTYPES, or None; and whether the first byte is the highest."""
        kind = dataset.dtype
        if kind.hasobject or kind.names or kind.subdtype or (kind.metadata and kind.kind != "b"):
            return None, False
        return NUMPY.get(kind.str[1:]) or PLAIN_BYTES.get(kind.str[1:]), kind.str[0] == ">"

    def _place(self, dataset: Any, plan: Any, name: str, dtype: str, big: bool) -> Array | Aside:
        h5d, shape = self._h5py.h5d, dataset.shape
        if plan.get_layout() == h5d.CHUNKED:
            return self._chunked(dataset, plan, name, dtype, big)
        if plan.get_layout() == h5d.COMPACT:
            return Held(self._path, dataset[()].tobytes(), shape, dtype, False, big)
        array = Stored(self._path, self._start, shape, dtype, None, big)
        nbytes = dataset.id.get_storage_size()
        if nbytes == 0 and array.nbytes:
            return Aside(shape, dtype, 0, "a dataset whose numbers were never written")
        if nbytes != array.nbytes:
            raise _damage(name, f"it takes {array.nbytes:,} bytes and has {nbytes:,}", "bad-offsets")
        begin = self._start + (dataset.id.get_offset() or 0)
        if begin + nbytes > self._end:
            raise _damage(name, "it ends behind the end of the file", "truncated-file")
        return Stored(self._path, begin, shape, dtype, None, big)

    def _chunked(self, dataset: Any, plan: Any, name: str, dtype: str, big: bool) -> Array | Aside:
        filters = tuple(plan.get_filter(place)[0] for place in range(plan.get_nfilters()))
        if filters not in ORDERS:
            details = ", ".join(str(item) for item in filters if item not in ALL_FILTERS) or "in an unusual order"
            text = f"{escape(name)} is compressed with filters of HDF5 that are not read here ({details}). "
            raise UnknownFormat(text + "Save it again with gzip, or uncompressed.", "compressed-member")
        shape, extents = dataset.shape, dataset.chunks
        count = math.prod(-(-length // extent) for length, extent in zip(shape, extents, strict=True))
        self._chunks += count
        if self._chunks > MOST_CHUNKS:
            text = f"{escape(name)} lies in {count:,} chunks; at most {MOST_CHUNKS:,}. Save it again in one piece."
            raise UnsafeFile(text, "unbounded")
        chunks: list[Any] = []
        dataset.id.chunk_iter(chunks.append)
        if len(chunks) < count:
            return Aside(shape, dtype, 0, "a dataset some of whose numbers were never written")
        parts = tuple(self._chunk(item, filters, name) for item in chunks)
        if {chunk.offsets for chunk in parts} != set(_corners(shape, extents)):
            raise _damage(name, "its chunks are not where they fill it", "bad-offsets")
        return Chunked(self._path, parts, extents, shape, dtype, big)

    def _chunk(self, stored: Any, filters: tuple[int, ...], name: str) -> Chunk:
        start = self._start + (stored.byte_offset or 0)
        if start + stored.size > self._end:
            raise _damage(name, "one of its chunks ends behind the end of the file", "truncated-file")
        own_filters = tuple(code for place, code in enumerate(filters) if not stored.filter_mask >> place & 1)
        return Chunk(tuple(stored.chunk_offset), start, stored.size, own_filters)


def _corners(shape: tuple[int, ...], extents: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Where the chunks begin that fill a shape."""
    return product(*(range(0, length, extent) for length, extent in zip(shape, extents, strict=True)))


def _damage(name: str, reason: str, code: str) -> DamagedFile:
    return DamagedFile(f"dataset {escape(name)}: {reason}. The file is damaged: download or save it again.", code)


def _check_growth(path: Path, tree: Tree) -> None:
    size = path.stat().st_size
    total = sum(_unpacked(dataset.array) for dataset in tree.datasets if not isinstance(dataset.array, Aside))
    if total > MOST_GROWTH * size + FREE_GROWTH:
        text = f"its datasets take {total:,} bytes out of a file of {size:,}. Save it uncompressed."
        raise UnsafeFile(text, "unbounded")


def _unpacked(array: Array) -> int:
    """Bytes that reading it takes: a chunk may be larger than the tensor that it belongs to."""
    if not isinstance(array, Chunked):
        return array.nbytes
    return len(array.chunks_of) * math.prod(array.extents) * (array.nbytes // array.size if array.size else 1)
