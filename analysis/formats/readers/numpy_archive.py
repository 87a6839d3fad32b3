"""NumPy's `.npz`: a zip of `.npy` members, as they are or deflated (numpy.savez, numpy.savez_compressed).

A member that lies as it is, is read at an offset. A deflated one is inflated as it is read, never beyond what its
header states, and its checksum is verified.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BufferedIOBase
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from analysis.errors import DamagedFile, UnsafeFile, escape
from analysis.formats.dtypes import DTYPES, Sized
from analysis.formats.pytorch.archive import BROKEN_ZIP, check_end, first_member, links_of, read_local_header
from analysis.formats.pytorch.state import FREE_GROWTH, MOST_GROWTH
from analysis.formats.readers.numpy_file import LONGEST_HEADER, check_length, place, read_header, set_aside
from analysis.formats.safetensors import check_new_name
from analysis.formats.stored import CHUNK, MOST_DIMENSIONS, Array, Aside, Checksum, Contents, Format, Stored, Words

ENDING = ".npy"
MOST_INFLATED = 1032  # bytes out of one byte: deflate's own bound (zlib's "Technical Details")


@dataclass(frozen=True, slots=True)
class Deflated(Sized):
    """An array in a deflated member of a zip."""

    path: Path
    start: int  # where the deflated bytes begin in the file
    packed: int  # how many there are
    header: int  # bytes before its first element, once inflated
    crc: int  # of all that is inflated
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES
    fortran: bool
    big_endian: bool

    def load(self) -> Words:
        data = np.empty(self.nbytes, np.uint8)
        end = 0
        for part in self._inflate():
            data[end : end + len(part)] = np.frombuffer(part, np.uint8)
            end += len(part)
        words = data.view(DTYPES[self.dtype].word).reshape(self.shape, order="F" if self.fortran else "C")
        words = np.ascontiguousarray(words).reshape(self.shape)
        return words.byteswap() if self.big_endian else words

    def chunks(self) -> Iterator[Words]:
        if self.fortran and len(self.shape) > 1:
            yield self.load()
            return
        for part in self._inflate():
            words = np.frombuffer(part, DTYPES[self.dtype].word)
            yield words.byteswap() if self.big_endian else words

    def _inflate(self) -> Iterator[bytes]:
        """Its elements' bytes, CHUNK at a time; DamagedFile where they are not as many or not those that were saved."""
        crc, rest = 0, self.nbytes
        with self.path.open("rb") as file:
            file.seek(self.start)
            stream = Inflated(file, self.packed, self.path)
            crc = zlib.crc32(stream.take(self.header), crc)
            while rest:
                part = stream.take(min(CHUNK, rest))
                if len(part) < min(CHUNK, rest):
                    raise self._damage(f"ends {rest - len(part):,} bytes early")
                crc, rest = zlib.crc32(part, crc), rest - len(part)
                yield part
            if stream.take(1):
                raise self._damage("is longer than its header states")
        if crc != self.crc:
            raise self._damage("does not match its checksum")

    def _damage(self, what: str) -> DamagedFile:
        text = f"{escape(self.path.name)}: an array of shape {list(self.shape)} {what}. Download or save it again."
        return DamagedFile(text, "truncated-file")


class Inflated:
    """The inflated bytes of a member, taken in order, in bounded memory."""

    def __init__(self, file: BinaryIO, packed: int, path: Path) -> None:
        self._file, self._packed, self._path = file, packed, path
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._input = b""

    def take(self, count: int) -> bytes:
        """The next bytes; fewer where it ends."""
        parts: list[bytes] = []
        while count > 0 and not self._stream.eof:
            if not self._input:
                self._input = self._file.read(min(2**16, self._packed))
                self._packed -= len(self._input)
            part, size = self._step(count), len(self._input)
            self._input = self._stream.unconsumed_tail
            if not part and not size:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _step(self, count: int) -> bytes:
        try:
            return self._stream.decompress(self._input, count)
        except zlib.error as error:
            text = f"{escape(self._path.name)} cannot be inflated ({escape(error)}). Download or copy it again."
            raise DamagedFile(text, "truncated-file") from None


def _recognises(head: bytes) -> bool:
    return first_member(head).endswith(ENDING.encode())


def _contents(path: Path) -> Contents:
    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            members = archive.infolist()
            check_end(archive, file)
            starts = [_start(member, file) for member in members]
            _check_places(members, starts, archive.start_dir)
            arrays = [_array(path, file, *pair) for pair in zip(members, starts, strict=True)]
    except (*BROKEN_ZIP, zlib.error) as error:
        text = f"the zip archive is cut off or damaged ({escape(error)}). Download or copy it again."
        raise DamagedFile(text, "truncated-file") from None
    _check_growth(path, members)
    return replace(_by_name([_name(member) for member in members], arrays), links=links_of(members))


def _name(member: ZipInfo) -> str:
    return member.filename.removesuffix(ENDING)


def _by_name(names: list[str], arrays: list[Array | Aside]) -> Contents:
    tensors: dict[str, Array] = {}
    exclusions: dict[str, Aside] = {}
    for name, array in zip(names, arrays, strict=True):
        check_new_name(name, name in tensors or name in exclusions, "Save it again.", "array")
        if isinstance(array, Aside):
            exclusions[name] = array
        else:
            tensors[name] = array
    return Contents(tensors, {}, exclusions)


def _start(member: ZipInfo, file: BufferedIOBase) -> int:
    """Where the bytes of a member begin."""
    method, start = read_local_header(member, file)
    if method != member.compress_type or method not in (ZIP_STORED, ZIP_DEFLATED):
        name = escape(member.filename)
        text = f"{name} in the zip is compressed in a way that NumPy never writes. Save it again with numpy.savez."
        raise UnsafeFile(text, "compressed-member")
    return start


def _check_places(members: list[ZipInfo], starts: list[int], end: int) -> None:
    places = [(m.header_offset, start + m.compress_size) for m, start in zip(members, starts, strict=True)]
    if places and min(places)[0] > 0:
        text = f"{min(places)[0]:,} bytes stand before its zip: two files in one, or a damaged one. Save it again."
        raise DamagedFile(text, "trailing-bytes")
    places.append((end, end))
    if any(stop > begin for (_, stop), (begin, _) in pairwise(sorted(places))):
        text = "the members of the zip overlap, or lie outside it, which NumPy never does. It is damaged or malicious."
        raise UnsafeFile(text, "bad-offsets")


def _array(path: Path, file: BinaryIO, member: ZipInfo, start: int) -> Array | Aside:
    """The array of a member, by its header."""
    name = _name(member)
    if not member.filename.endswith(ENDING):
        return Aside((), "file", member.file_size, "a file in the archive that is not a NumPy array")
    if member.file_size > MOST_INFLATED * member.compress_size + MOST_INFLATED:
        text = f"{escape(member.filename)} states {member.file_size:,} bytes out of {member.compress_size:,}, which "
        raise UnsafeFile(text + "no zip can hold. The file is damaged or malicious.", "unbounded")
    file.seek(start)
    longest = min(LONGEST_HEADER + 16, member.file_size)
    if member.compress_type == ZIP_STORED:
        if member.compress_size != member.file_size:
            raise BadZipFile(f"{escape(member.filename)} has two lengths")
        placed = place(path, name, read_header(name, file.read(longest)), start, member.file_size)
        checksum = Checksum(start, member.file_size, member.CRC)
        return replace(placed, checksum=checksum) if isinstance(placed, Stored) else placed
    header = read_header(name, Inflated(file, member.compress_size, path).take(longest))
    if header.dtype is None or len(header.shape) > MOST_DIMENSIONS:
        return set_aside(header, member.file_size - header.length)
    check_length(name, header, member.file_size - header.length)
    packed_size = member.compress_size
    order = (header.fortran, header.big_endian)
    return Deflated(path, start, packed_size, header.length, member.CRC, header.shape, header.dtype, *order)


def _check_growth(path: Path, members: list[ZipInfo]) -> None:
    size, total = path.stat().st_size, sum(member.file_size for member in members)
    if total > MOST_GROWTH * size + FREE_GROWTH:
        text = f"its arrays take {total:,} bytes out of a file of {size:,}. Save it with numpy.savez, uncompressed."
        raise UnsafeFile(text, "unbounded")


NUMPY_ARCHIVE = Format("npz", "NumPy archive", _recognises, _contents)
