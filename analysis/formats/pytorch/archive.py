"""PyTorch's zip format (torch.save since 1.6): a pickle, and beside it each storage as a member of the zip.

torch/csrc/jit/serialization/… and torch/serialization.py, `_load`. Members lie in the file as they are, so a tensor is
read at an offset, as from safetensors. What torch.save does not write (compressed, encrypted, doubled or overlapping
members) is refused before anything in the archive is looked at.
"""

import io
import mmap
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from stat import S_ISLNK
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from analysis.errors import DamagedFile, UnknownFormat, UnsafeFile, escape
from analysis.formats.pytorch.machine import LARGEST_PICKLE, Machine, unpickle
from analysis.formats.pytorch.state import Source, Span, contents
from analysis.formats.stored import Contents, Format, verify

PICKLE = "/data.pkl"
LONGEST_ORDER = 16  # bytes of the member that states it
KERAS = (b"metadata.json", b"config.json", b"model.weights.h5")  # the first member of what Keras 3 saves
PROGRAM = re.compile(r"[^/]+/code/")  # of TorchScript: deflated, and never looked at
CONSTANT = "CONSTANTS.c"  # what its program calls them, with their number
ENCRYPTED = 0x1 | 0x40 | 0x2000  # APPNOTE.TXT 4.4.4: encryption, strong encryption, masked headers
END_LENGTH = 22  # APPNOTE.TXT 4.3.16, without the comment
LOCAL_HEADER = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT 4.3.7
BROKEN_ZIP = (BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, EOFError, IndexError, KeyError)


Spans = Mapping[str, Span]


def is_zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def first_member(head: bytes) -> bytes:
    """The name of the first member of the zip: what NumPy and Keras save is known by it."""
    if len(head) < LOCAL_HEADER.size or not is_zip(head):
        return b""
    name_length = LOCAL_HEADER.unpack(head[: LOCAL_HEADER.size])[-2]
    return head[LOCAL_HEADER.size : LOCAL_HEADER.size + name_length]


def _recognises(head: bytes) -> bool:
    return is_zip(head) and not first_member(head).endswith(b".npy") and first_member(head) not in KERAS


def _contents(path: Path) -> Contents:
    source, machine = read_archive(path)
    result = replace(contents(source, machine), links=source.links)
    return _with_constants(path, result) if source.script else result


def _with_constants(path: Path, held: Contents) -> Contents:
    """The contents of a TorchScript archive: what its modules hold, and what its program has as constants."""
    constants = contents(*read_archive(path, inner="constants"))
    tensors = {f"{CONSTANT}{name}": array for name, array in constants.tensors.items()}
    exclusions = {f"{CONSTANT}{name}": entry for name, entry in constants.aside.items()}
    facts = {**held.facts, "archive": "TorchScript"}
    return Contents({**tensors, **held.tensors}, facts, {**exclusions, **held.aside}, program=True, links=held.links)


def read_archive(path: Path, start: int = 0, length: int | None = None, inner: str = "data") -> tuple[Source, Machine]:
    """The archive that fills the file, or that part of it: its storages, and its pickle read as data.

    `inner` is "constants" for those of a TorchScript program, which have a pickle and storages of their own.
    """
    try:
        with path.open("rb") as file:
            part: io.BufferedIOBase = file if length is None else _part(file, start, length)
            with ZipFile(part) as archive:
                members = archive.infolist()
                root = _root([member.filename for member in members])
                spans = spans_of(archive, part)
                pickle_span = _moved(spans[f"{root}/{inner}.pkl"], start)
                machine = _read_pickle(path, pickle_span)
                order = spans.get(f"{root}/byteorder")
                big_endian = order is not None and _is_big_endian(path, _moved(order, start))
    except BROKEN_ZIP as error:
        raise DamagedFile(
            f"the zip archive is cut off or damaged ({escape(error)}). Download or copy it again.",
            "truncated-file",
        ) from None
    folder = f"{root}/{inner}/"
    inner_spans = {name.removeprefix(folder): span for name, span in spans.items() if name.startswith(folder)}
    storages = {name: _moved(span, start) for name, span in inner_spans.items()}
    script = f"{root}/constants.pkl" in spans
    return Source(path, storages, big_endian, script, links_of(members)), machine


def links_of(members: Sequence[ZipInfo]) -> tuple[str, ...]:
    """The members that a tool which unpacks the zip would make links of."""
    return tuple(member.filename for member in members if S_ISLNK(member.external_attr >> 16))


def _moved(span: Span, start: int) -> Span:
    """A span of a part of the file that begins at `start`, as one of the file."""
    return replace(span, start=start + span.start)


class Part(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, file: io.BufferedIOBase, start: int, length: int) -> None:
        self._file, self._start, self.length, self._place = file, start, length, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.length}[whence]
        if origin + place < 0:
            raise ValueError("a place before the part of the file")
        self._place = origin + place
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        self._file.seek(self._start + self._place)
        read = self._file.read(max(0, min(len(buffer), self.length - self._place)))
        buffer[: len(read)] = read
        self._place += len(read)
        return len(read)


def _part(file: io.BufferedIOBase, start: int, length: int) -> io.BufferedReader:
    if start + length > file.seek(0, io.SEEK_END):
        raise BadZipFile(f"{length:,} bytes at {start:,} end behind the file")
    return io.BufferedReader(Part(file, start, length))


def _read_pickle(path: Path, span: Span) -> Machine:
    """The pickle, its checksum verified: in memory, or, where arrays make it long, mapped from the file."""
    if span.checksum is not None:
        verify(path, span.checksum)
    if span.nbytes <= LARGEST_PICKLE:
        return unpickle(io.BytesIO(_read(path, span)), span.start)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        data.seek(span.start)
        return unpickle(data)


def _read(path: Path, span: Span) -> bytes:
    with path.open("rb") as file:
        file.seek(span.start)
        return file.read(span.nbytes)


def _is_big_endian(path: Path, span: Span) -> bool:
    """What the archive says of its byte order. torch refuses any other word too."""
    order = _read(path, replace(span, nbytes=min(span.nbytes, LONGEST_ORDER)))
    if order not in (b"little", b"big"):
        text = f"its byte order is {escape(order.decode('latin-1'))}, and neither little nor big. Save it again."
        raise DamagedFile(text, "bad-header")
    return order == b"big"


def _root(names: Sequence[str]) -> str:
    """The folder inside the archive that holds the pickle; UnknownFormat, saying what it is, where there is none."""
    roots = [name.removesuffix(PICKLE) for name in names if name.endswith(PICKLE) and name.count("/") == 1]
    root = roots[0] if len(set(roots)) == 1 else None
    if root is None:
        raise _other_zip(names)
    return root


def _other_zip(names: Sequence[str]) -> UnknownFormat:
    if any(member.endswith(".weights.h5") for member in names):
        text = "this is a Keras model that was zipped again. Unpack it, and give the model.weights.h5 inside."
        return UnknownFormat(text, "keras-archive")
    text = "this is a zip archive, but no PyTorch checkpoint. Unpack it, and give the checkpoint inside."
    return UnknownFormat(text, "archive")


def spans_of(archive: ZipFile, file: io.BufferedIOBase) -> dict[str, Span]:
    """Where the bytes of each member lie; every member checked, none over another, none behind the last of them."""
    check_end(archive, file)
    end = archive.start_dir
    spans: dict[str, Span] = {}
    extents: list[tuple[int, int]] = []
    for member in archive.infolist():
        if member.filename in spans:
            raise UnsafeFile(
                f"the zip holds {escape(member.filename)} twice, which nothing that saves checkpoints does. "
                "Load the checkpoint where you trust it, and save it again."
            )
        if not 0 <= member.header_offset < end:
            raise BadZipFile(f"{escape(member.filename)} starts outside the archive")
        span = _span(member, file)
        extents.append((member.header_offset, span.start + span.nbytes))
        if not PROGRAM.match(member.filename):
            spans[member.filename] = span
    if extents and min(extents)[0] > 0:
        raise UnknownFormat(
            f"{min(extents)[0]:,} bytes stand before its archive: several archives one after another, as "
            "torch.distributed.checkpoint writes (.distcp). Give the whole folder with its .metadata, or convert it: "
            "torch.distributed.checkpoint.format_utils.dcp_to_torch_save(folder, 'model.pt').",
            "archive",
        )
    extents.append((end, end))
    if any(stop > begin for (_, stop), (begin, _) in pairwise(sorted(extents))):
        raise UnsafeFile(
            "the members of the zip overlap, or lie outside it, which nothing that saves checkpoints does. "
            "The file is damaged or malicious.",
            "bad-offsets",
        )
    return spans


def check_end(archive: ZipFile, file: io.BufferedIOBase) -> None:
    """DamagedFile where bytes follow the archive: Python's zipfile overlooks them, also where they are another one."""
    file.seek(-END_LENGTH - len(archive.comment), io.SEEK_END)
    if file.read(4) != b"PK\x05\x06":
        text = "bytes follow the zip archive: two files in one, or a damaged one. Download or save it again."
        raise DamagedFile(text, "trailing-bytes")


def read_local_header(member: ZipInfo, file: io.BufferedIOBase) -> tuple[int, int]:
    """How a member is compressed, and where its bytes begin. Raises BadZipFile and, of an encrypted one, UnsafeFile."""
    name = escape(member.filename)
    if member.header_offset < 0:
        raise BadZipFile(f"its directory places {name} in front of the file")
    file.seek(member.header_offset)
    magic, _, flags, method, *_, name_length, extra_length = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    if magic != b"PK\x03\x04":
        raise BadZipFile(f"no member starts where the directory says that {name} does")
    if (flags | member.flag_bits) & ENCRYPTED:
        raise UnsafeFile(f"{name} in the zip is encrypted: decrypt it first", "encrypted-member")
    return method, member.header_offset + LOCAL_HEADER.size + name_length + extra_length


def _span(member: ZipInfo, file: io.BufferedIOBase) -> Span:
    method, start = read_local_header(member, file)
    is_packed = {method, member.compress_type} != {ZIP_STORED} or member.compress_size != member.file_size
    if is_packed and not PROGRAM.match(member.filename):
        raise UnsafeFile(
            f"{escape(member.filename)} in the zip is compressed, which nothing that saves checkpoints does, and could "
            "unpack without bound. Load the checkpoint where you trust it, and save it again.",
            "compressed-member",
        )
    return Span(start, member.compress_size, member.CRC)


TORCH_ZIP = Format("torch-zip", "PyTorch state dict", _recognises, _contents)
