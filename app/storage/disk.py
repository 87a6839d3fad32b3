"""What a full disk and a power failure ask of whoever writes files."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import DiskFull

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def room() -> Iterator[None]:
    """Says DiskFull where the system says that there is no room."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull("The service's disk is full. The upload was discarded.") from error
        raise


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """All of the bytes, however few the system takes at a time."""
    rest = memoryview(data)
    with room():
        while rest:
            rest = rest[os.write(descriptor, rest) :]
