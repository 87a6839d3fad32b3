"""PyTorch's format before 1.6: five pickles in a row, then the storages one after the other.

torch/serialization.py, `_legacy_save`: a magic number, a protocol version, facts about the machine, the object, the
keys of the storages in their order; then for each storage its number of elements (int64) and the elements.
"""

import io
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

from analysis.errors import DamagedFile, escape
from analysis.formats.dtypes import DTYPES
from analysis.formats.pytorch.machine import unpickle
from analysis.formats.pytorch.objects import Storage
from analysis.formats.pytorch.state import Source, Span, contents
from analysis.formats.pytorch.walk import key_text
from analysis.formats.stored import Contents, Format

MAGIC = 0x1950A86A20F9469CFC6C  # torch/serialization.py, MAGIC_NUMBER
MAGIC_BYTES = MAGIC.to_bytes(10, "little")
PROTOCOL = 1001  # torch/serialization.py, PROTOCOL_VERSION


def _recognises(head: bytes) -> bool:
    return head[:1] == b"\x80" and MAGIC_BYTES in head[:32]


def _contents(path: Path) -> Contents:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pickles:
        return _read(path, file, pickles)


def _read(path: Path, file: io.BufferedReader, pickles: mmap.mmap) -> Contents:
    magic, protocol, machine = (unpickle(pickles).value for _ in range(3))
    if magic != MAGIC or protocol != PROTOCOL or not isinstance(machine, dict):
        raise DamagedFile("its first bytes are those of torch.save, but not the pickles behind them", "bad-header")
    payload, keys = unpickle(pickles), unpickle(pickles).value
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise DamagedFile("the keys of its storages are not a list of names", "bad-header")
    spans = _spans([key_text(key) for key in keys], payload.storages, file, pickles.tell())
    return contents(Source(path, spans, machine.get("little_endian") is False), payload)


def _spans(keys: list[str], storages: Mapping[str, Storage], file: io.BufferedIOBase, start: int) -> dict[str, Span]:
    """Where the bytes of each storage lie: from `start` on, each behind its number of elements."""
    size = file.seek(0, io.SEEK_END)
    spans: dict[str, Span] = {}
    for key in keys:
        if key not in storages or key in spans:
            raise DamagedFile(f"storage {escape(key)} is listed twice, or belongs to no tensor", "bad-header")
        file.seek(start)
        (count,) = struct.unpack("<q", file.read(8).ljust(8, b"\xff"))
        nbytes = count * DTYPES[storages[key].dtype].bits // 8
        if count < 0 or start + 8 + nbytes > size:
            text = f"storage {escape(key)} ends behind the file, which is cut off after {size:,} bytes"
            raise DamagedFile(f"{text}. Download or copy it again.", "truncated-file")
        spans[key] = Span(start + 8, nbytes)
        start += 8 + nbytes
    if start < size:
        text = (
            f"{size - start:,} bytes follow its last storage: several saves in one file, of which torch.load reads one "
        )
        raise DamagedFile(text + "at a time, or a damaged file. Save each in a file of its own.", "trailing-bytes")
    return spans


TORCH_LEGACY = Format("torch-legacy", "PyTorch state dict, before 1.6", _recognises, _contents)
