"""Files that lie elsewhere and are read by ranges: at their path is their beginning alone.

Whoever opens such a checkpoint says, with `stand_for`, where the bytes of a path come from. A reader that knows nothing
of it finds a file that is too short and says so; it never takes other bytes for the file's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Ranges(Protocol):
    """The bytes of one file, read by ranges. Several threads may read at once."""

    @property
    def nbytes(self) -> int: ...
    def read(self, start: int, nbytes: int) -> NDArray[np.uint8]:
        """So many bytes from there on, which must be in the file, in memory of their own."""
        ...


_sources: dict[Path, Ranges] = {}


@contextmanager
def stand_for(path: Path, source: Ranges) -> Iterator[None]:
    """Meanwhile the bytes of the file at that path come from the source. The path is absolute and without links."""
    _sources[path] = source
    try:
        yield
    finally:
        del _sources[path]


def source_of(path: Path) -> Ranges | None:
    """Where the bytes of the file come from; None where they are at its path."""
    return _sources.get(path)


def size_of(path: Path) -> int:
    """The bytes of the whole file, wherever it lies."""
    source = source_of(path)
    return path.stat().st_size if source is None else source.nbytes


def read_at(path: Path, start: int, nbytes: int) -> bytes:
    """So many bytes of the file from there on, or as many as it has."""
    source = source_of(path)
    if source is not None:
        there = min(nbytes, source.nbytes - start)
        return source.read(start, there).tobytes() if there > 0 else b""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        return file.read(nbytes)
