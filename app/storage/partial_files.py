"""Files that arrive bit by bit.

How much of one is here is what its own length says, and nothing else. A server that is killed in the middle of a write
has lost nothing that it wrote, and claims nothing that it did not.
"""

import fcntl
import hashlib
import os
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UploadBusy
from app.storage.disk import room, write_all

if TYPE_CHECKING:
    from hashlib import _Hash

REMEMBERED = 1024  # digests under way that are kept for the next piece of their file; each is some 200 bytes


class PartialFiles:
    """A folder of growing files. Names are ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes: OrderedDict[str, tuple[int, _Hash]] = OrderedDict()
        self._guard = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        return self.folder / name

    def create(self, name: str) -> None:
        with room():
            self.path(name).touch(exist_ok=False)

    def offset(self, name: str) -> int | None:
        """How much of it is here; None where there is no such file."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return None

    def open(self, name: str, checksum: "_Hash | None" = None) -> "Growing":
        """The file, to be written at its end by nobody else meanwhile.

        Raises UploadBusy where somebody else does, in any process, and FileNotFoundError.
        """
        descriptor = os.open(self.path(name), os.O_WRONLY | os.O_APPEND)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process, however it ends
        except BlockingIOError:
            os.close(descriptor)
            raise UploadBusy(
                "Another request is writing this upload. Get its offset and continue from there."
            ) from None
        return Growing(self, name, descriptor, checksum)

    def sha256(self, name: str) -> str:
        """The digest of what is here: as it came, or read again where another process took a part of it.

        Raises FileNotFoundError.
        """
        digest = self.recall(name, self.path(name).stat().st_size)
        if digest is not None:
            return digest.hexdigest()
        with self.path(name).open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, name: str) -> None:
        with self._guard:
            self._hashes.pop(name, None)
        self.path(name).unlink(missing_ok=True)

    def silent(self, seconds: float) -> list[str]:
        """The files that nobody has added to for so long."""
        cutoff = time.time() - seconds
        return [name for name in [path.name for path in self.folder.iterdir()] if self._time_added(name) < cutoff]

    def _time_added(self, name: str) -> float:
        try:
            return self.path(name).stat().st_mtime
        except FileNotFoundError:  # gone since it was listed
            return time.time()

    def remember(self, name: str, offset: int, state: "_Hash | None") -> None:
        with self._guard:
            self._hashes.pop(name, None)
            if state is not None:
                self._hashes[name] = (offset, state)
            while len(self._hashes) > REMEMBERED:
                self._hashes.popitem(last=False)

    def recall(self, name: str, offset: int) -> "_Hash | None":
        """The digest of the first so many bytes, where this process has seen all of them."""
        if offset == 0:
            return hashlib.sha256()
        with self._guard:
            end, state = self._hashes.get(name, (-1, None))
        return state if end == offset else None


class Growing:
    """A file that is being added to. Ends in `close`."""

    def __init__(self, partials: PartialFiles, name: str, descriptor: int, checksum: "_Hash | None") -> None:
        self._partials, self._name, self._descriptor = partials, name, descriptor
        self.start = self.offset = os.fstat(descriptor).st_size
        digest = partials.recall(name, self.start)
        self._before, self._state = digest, None if digest is None else digest.copy()
        self.checksum = checksum

    def write(self, data: bytes) -> None:
        try:
            write_all(self._descriptor, data)
        except BaseException:  # of a block that was written in part, keep nothing: the digest knows nothing of it
            os.ftruncate(self._descriptor, self.offset)
            raise
        for state in (self._state, self.checksum):
            if state is not None:
                state.update(data)
        self.offset += len(data)

    def undo(self) -> None:
        """Takes back what was added."""
        os.ftruncate(self._descriptor, self.start)
        self.offset, self._state = self.start, self._before

    def close(self) -> None:
        """On the disk, not only in its cache; then others may go on."""
        try:
            with room():
                os.fsync(self._descriptor)
            self._partials.remember(self._name, self.offset, self._state)
        finally:
            os.close(self._descriptor)
