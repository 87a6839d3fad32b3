"""A dataset of HDF5 in chunks, each deflated or as it is: read without the library, never beyond what a chunk holds.

HDF5 File Format Specification, "Filter Pipeline Message"; the filters are those that HDF5 itself has: 1 deflate,
2 shuffle, 3 Fletcher's checksum.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from analysis.errors import DamagedFile, escape
from analysis.formats.dtypes import DTYPES, Sized
from analysis.formats.stored import Words, pieces

DEFLATE, SHUFFLE, FLETCHER = 1, 2, 3
ORDERS = ((), (DEFLATE,), (SHUFFLE,), (SHUFFLE, DEFLATE), (FLETCHER,), (DEFLATE, FLETCHER), (SHUFFLE, FLETCHER),
          (SHUFFLE, DEFLATE, FLETCHER))  # fmt: skip
CHECKSUM = 4  # bytes behind a chunk


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies: the place of its first element in the tensor, and its bytes in the file."""

    offsets: tuple[int, ...]
    start: int
    nbytes: int
    filters: tuple[int, ...]  # one of ORDERS


@dataclass(frozen=True, slots=True)
class Chunked(Sized):
    """A tensor that lies in chunks of one shape, which may reach over its edges."""

    path: Path
    chunks_of: tuple[Chunk, ...]
    extents: tuple[int, ...]  # of a chunk
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES
    big_endian: bool = False

    def load(self) -> Words:
        word = np.dtype(DTYPES[self.dtype].word)
        values = np.zeros(self.shape, word)
        with self.path.open("rb") as file:
            for chunk in self.chunks_of:
                part = np.frombuffer(self._bytes(file, chunk, word.itemsize), word).reshape(self.extents)
                ends = zip(chunk.offsets, self.extents, self.shape, strict=True)
                place = tuple(slice(begin, min(begin + extent, length)) for begin, extent, length in ends)
                values[place] = part[tuple(slice(0, span.stop - span.start) for span in place)]
        return values.byteswap() if self.big_endian else values

    def chunks(self) -> Iterator[Words]:
        yield from pieces(self.load())

    def _bytes(self, file: BinaryIO, chunk: Chunk, width: int) -> bytes:
        """The elements of a chunk, its filters undone."""
        file.seek(chunk.start)
        data, size = file.read(chunk.nbytes), math.prod(self.extents) * width
        if FLETCHER in chunk.filters:
            data = data[:-CHECKSUM]
        if DEFLATE in chunk.filters:
            data = self._inflate(data, size)
        if len(data) != size:
            raise self._damage(f"a chunk has {len(data):,} bytes in place of {size:,}")
        if SHUFFLE in chunk.filters:
            data = np.frombuffer(data, np.uint8).reshape(width, -1).T.tobytes()
        return data

    def _inflate(self, data: bytes, wanted: int) -> bytes:
        stream = zlib.decompressobj()
        try:
            output = stream.decompress(data, wanted)
            surplus = b"" if stream.eof else stream.decompress(stream.unconsumed_tail, 1)
        except zlib.error as error:
            raise self._damage(f"a chunk cannot be inflated ({escape(error)})") from None
        if surplus:
            raise self._damage(f"a chunk holds more than its {wanted:,} bytes")
        return output

    def _damage(self, what: str) -> DamagedFile:
        text = f"{escape(self.path.name)}: in a dataset of shape {list(self.shape)} {what}. Download or save it again."
        return DamagedFile(text, "truncated-file")
