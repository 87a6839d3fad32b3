"""Where the numbers of a tensor lie, whatever the format: a file, an offset, a shape, strides.

A format's work ends in `Contents`; the rest of the package reads, rewrites and describes those, and needs to know
no format. `Stored` lies in a file as it is; what has to be put together or decoded first is in arrays.py.
Nothing here imports torch: the ingest child checks and rewrites files without it.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from analysis.errors import DamagedFile, escape
from analysis.formats.dtypes import DTYPES, Sized

Fact = float | int | str | bool | None
Facts = Mapping[str, Fact]
Words = NDArray[Any]  # the elements as plain words of the same width, see dtypes.py
MOST_DIMENSIONS = 32  # of a tensor that is read
MOST_LISTED = 256  # dimensions of one that is listed as left out; more are damage or an attack
CHUNK = 16 * 2**20  # bytes that a rewrite holds at a time
UNMAPPED = 2**18  # bytes that are read at once: mapping a file takes longer than reading so few


@dataclass(frozen=True, slots=True)
class Checksum:
    """Bytes of a file whose CRC-32 the file states."""

    start: int
    nbytes: int
    crc: int


def verify(path: Path, stated: Checksum) -> None:
    """DamagedFile where the bytes are not those that were saved. Looked at once as long as the file stays the same."""
    status = path.stat()
    if _crc_of(path, stated.start, stated.nbytes, status.st_mtime_ns, status.st_size) != stated.crc:
        text = f"{stated.nbytes:,} bytes at {stated.start:,} of {escape(path.name)} do not match the checksum (CRC-32) "
        raise DamagedFile(
            text + "that is stored with them: they have changed since. Download or copy it again.", "bad-checksum"
        )


@lru_cache(maxsize=4096)
def _crc_of(path: Path, start: int, nbytes: int, _changed: int, _size: int) -> int:
    crc = 0
    with path.open("rb") as file:
        file.seek(start)
        while nbytes and (piece := file.read(min(CHUNK, nbytes))):
            crc, nbytes = zlib.crc32(piece, crc), nbytes - len(piece)
    return crc


@runtime_checkable
class Array(Protocol):
    """The numbers of one tensor, read when they are asked for."""

    @property
    def path(self) -> Path: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str: ...  # a key of DTYPES
    @property
    def size(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    def load(self) -> Words:
        """Its elements in memory: contiguous, little-endian, and nothing else of the file."""
        ...

    def chunks(self) -> Iterator[Words]:
        """Its elements in C order, at most CHUNK bytes (or one row of the last axis) at a time where that can be."""
        ...


@dataclass(frozen=True, slots=True)
class Stored(Sized):
    """One tensor in one file. `strides` count elements; None means contiguous in C order."""

    path: Path
    start: int  # byte of the file at which its first element lies
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES
    strides: tuple[int, ...] | None = None
    big_endian: bool = False
    checksum: Checksum | None = None  # of the bytes that it lies in, verified before its elements are read

    def words(self) -> Words:
        """A read-only view of its elements, paged in from the file where they are looked at.

        Shaped as the tensor, but flat bytes for dtypes of less than a byte.
        """
        dtype = DTYPES[self.dtype]
        word = np.dtype(dtype.word)
        if self.nbytes == 0:
            return np.empty(self.shape, word)
        shape = self.shape if dtype.bits >= 8 else (self.nbytes,)
        flat = self._flat(word)
        if self.strides is None:
            return flat.reshape(shape)
        strides = tuple(stride * word.itemsize for stride in self.strides)
        return as_strided(flat, shape, strides, writeable=False)

    def _flat(self, word: np.dtype[Any]) -> Words:
        """The words from its first element to behind its last one: read where they are few, else mapped."""
        nbytes = self._extent(word.itemsize)
        if nbytes <= UNMAPPED:
            return np.frombuffer(self._read(nbytes), word)
        if self.path.stat().st_size < self.start + nbytes:
            raise self._shorter()
        return np.memmap(self.path, word, "r", self.start, (nbytes // word.itemsize,))

    def _read(self, nbytes: int) -> bytes:
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.start)
            data = file.read(nbytes)
        if len(data) < nbytes:
            raise self._shorter()
        return data

    def _extent(self, itemsize: int) -> int:
        """Bytes from its first element to behind its last one."""
        if self.strides is None:
            return self.nbytes
        return extent(self.shape, self.strides) * itemsize

    def _shorter(self) -> DamagedFile:
        return DamagedFile(f"{escape(self.path.name)} has become shorter since it was opened", "truncated-file")

    def load(self) -> Words:
        """Its elements in memory: contiguous, little-endian, and nothing else of the file.

        Read and not mapped where they lie in one piece: mapped pages count as memory in use beside the copy of them.
        """
        self._verify()
        if self.strides is not None or self.nbytes == 0:
            return _native(np.array(self.words(), order="C"), self)
        dtype = DTYPES[self.dtype]
        words = np.fromfile(self.path, dtype.word, self.nbytes // np.dtype(dtype.word).itemsize, offset=self.start)
        if words.nbytes < self.nbytes:
            raise self._shorter()
        return _native(words if dtype.bits < 8 else words.reshape(self.shape), self)

    def chunks(self) -> Iterator[Words]:
        """Its elements in C order, at most CHUNK bytes (or one row of the last axis) at a time."""
        self._verify()
        for piece in pieces(self.words()):
            yield _native(np.array(piece, order="C"), self)

    def _verify(self) -> None:
        if self.checksum is not None:
            verify(self.path, self.checksum)


def extent(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Elements from the first to behind the last of a strided array; 0 where it is empty."""
    if 0 in shape:
        return 0
    return 1 + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))


def _native(words: Words, stored: Stored) -> Words:
    return words.byteswap() if stored.big_endian else words


def pieces(view: Words) -> Iterator[Words]:
    """Splits along the first axis, and again within it, until each piece is at most CHUNK bytes or one-dimensional."""
    if view.nbytes <= CHUNK or view.ndim == 0:
        yield view
        return
    row = view.nbytes // len(view)
    if row > CHUNK:
        for part in view:
            yield from pieces(part)
        return
    step = CHUNK // row
    for first in range(0, len(view), step):
        yield view[first : first + step]


@dataclass(frozen=True, slots=True)
class Aside:
    """A tensor that a file holds and that is not analysed, with the reason, in words."""

    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES, or another name where that is the reason
    nbytes: int
    reason: str


def too_many_dimensions(stored: Stored) -> Aside:
    """A tensor that NumPy cannot hold, with that reason."""
    reason = f"it has {len(stored.shape)} dimensions, and at most {MOST_DIMENSIONS} are read"
    return Aside(stored.shape, stored.dtype, stored.nbytes, reason)


@dataclass(frozen=True, slots=True)
class Share:
    """What one file has of a tensor that several share: its parts with their offsets, and the shape of the whole."""

    parts: tuple[tuple[tuple[int, ...], Array], ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What one file holds: its tensors in file order, facts that it states about itself, and what was set aside."""

    tensors: Mapping[str, Array]
    facts: Facts = field(default_factory=dict)
    aside: Mapping[str, Aside] = field(default_factory=dict)
    program: bool = False  # a program with its weights, which is left aside next to weights alone
    links: tuple[str, ...] = ()  # members of an archive that are marked as links
    shares: Mapping[str, Share] = field(default_factory=dict)  # of tensors that are in several files
    adapter: str = ""  # JSON about the adapter that it is, as diffusers writes it


@dataclass(frozen=True, slots=True)
class Format:
    """A checkpoint format: how its first bytes look, and how its contents are found without running or trusting it."""

    name: str
    title: str
    recognises: Callable[[bytes], bool]  # of the first HEAD bytes
    contents: Callable[[Path], Contents]


HEAD = 4096  # bytes from which a format is recognised
