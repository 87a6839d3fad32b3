"""Pickles that torch.save did not write: arrays of NumPy, as Paddle (.pdparams), Detectron and others keep weights."""

import mmap
import re
from pathlib import Path

from analysis.errors import DamagedFile
from analysis.formats.pytorch.legacy import MAGIC_BYTES
from analysis.formats.pytorch.machine import unpickle
from analysis.formats.pytorch.state import Source, contents
from analysis.formats.stored import Contents, Format


def is_pickle(head: bytes) -> bool:
    """A pickle of protocol 2 or later, or of an older one that starts with a global."""
    return (len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5) or bool(re.match(rb"c[\w.]+\n[\w.]+\n", head))


def _recognises(head: bytes) -> bool:
    return is_pickle(head) and MAGIC_BYTES not in head[:32]


def _contents(path: Path) -> Contents:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        machine = unpickle(data)
        if data.tell() < len(data):
            text = f"{len(data) - data.tell():,} bytes follow its pickle: several in one file, or a damaged file. "
            raise DamagedFile(text + "Save each in a file of its own.", "trailing-bytes")
        return contents(Source(path, {}, False), machine)


PLAIN_PICKLE = Format("pickle", "pickle of arrays", _recognises, _contents)
