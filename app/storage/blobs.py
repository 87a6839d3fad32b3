"""Bytes on disk, under their SHA-256 and never under a name from outside.

`incoming/` holds uploads on their way, `partials/` those that may be interrupted and go on, `blobs/` whole files,
`work/` what a worker has opened. A file enters `blobs/` by a rename or a link, so it is there as a whole or not at all.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Self

from analysis.errors import escape
from analysis.formats.companions import DISTRIBUTED
from analysis.formats.rewrite import sync_folder
from app.errors import BlobDamaged, DiskFull
from app.storage.disk import room
from app.storage.partial_files import PartialFiles

LONGEST_PART, MOST_PARTS = 200, 16  # bytes of a part of a path, parts
RESTORE = "Send the same file again: that restores it, and what was made of it stays."
STALE_UPLOAD = 3600.0  # seconds; an upload that moves touches its file far more often
STALE_WORK = 86400.0  # seconds; no unit of work takes that long


class Incoming:
    """A file on its way in. Ends either in `Storage.keep` or in `discard`."""

    def __init__(self, folder: Path) -> None:
        with room():
            descriptor, path = tempfile.mkstemp(dir=folder)
        self.path = Path(path)
        self.bytes = 0
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._hash = hashlib.sha256()

    @classmethod
    def adopt(cls, path: Path) -> Self:
        """A whole file of our own, on the same disk: read once for its digest, and not copied."""
        incoming = cls.__new__(cls)
        incoming.path, incoming.bytes = path, path.stat().st_size
        with path.open("rb", buffering=0) as incoming._file:
            incoming._hash = hashlib.file_digest(incoming._file, "sha256")
        return incoming

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        rest = memoryview(data)
        with room():
            while rest:
                rest = rest[self._file.write(rest) :]
        self.bytes += len(data)

    def finish(self) -> None:
        """Everything is written: on the disk, not only in its cache."""
        with room():
            os.fsync(self._file.fileno())
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Leaves nothing behind; harmless after `Storage.keep`."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class Storage:
    """The folder of the service's files."""

    def __init__(self, root: Path) -> None:
        self.incoming, self.blobs, self.work = root / "incoming", root / "blobs", root / "work"
        for folder in (self.incoming, self.blobs, self.work):
            folder.mkdir(parents=True, exist_ok=True)
        self.partials = PartialFiles(root / "partials")
        self._intact: dict[str, tuple[int, int, int]] = {}  # of a digest, the file that was found to have it

    def receive(self) -> Incoming:
        return Incoming(self.incoming)

    def path(self, sha256: str) -> Path:
        return self.blobs / sha256[:2] / sha256

    def keep(self, incoming: Incoming) -> None:
        """Moves a finished file to its place. The caller's transaction holds the lock on its Blob row."""
        target = self.path(incoming.sha256)
        with room():
            target.parent.mkdir(exist_ok=True)
            incoming.path.replace(target)
            sync_folder(target.parent)

    def keep_partial(self, name: str, sha256: str) -> None:
        """A whole partial file gets its place too. It keeps its own until the caller's transaction has ended."""
        source, target = self.partials.path(name), self.path(sha256)
        with room():
            target.parent.mkdir(exist_ok=True)
            try:
                with suppress(FileExistsError):
                    target.hardlink_to(source)
            except OSError:  # a file system without hard links
                source.replace(target)
            sync_folder(target.parent)

    def is_whole(self, sha256: str, size: int) -> bool:
        """Whether a file of that digest is in its place with all its bytes. They are not read: see `check`."""
        try:
            return self.path(sha256).stat().st_size == size
        except OSError:
            return False

    def check(self, sha256: str, name: str) -> None:
        """Raises BlobDamaged where the file is missing or holds other bytes than its digest says.

        A file is read once by each process, and again when it has changed. A damaged one is set aside, so that sending
        the same bytes again restores it.
        """
        path = self.path(sha256)
        try:
            status = path.stat()
        except FileNotFoundError:
            raise BlobDamaged(f"“{escape(name)}” is missing from the storage. {RESTORE}") from None
        fingerprint = (status.st_ino, status.st_size, status.st_mtime_ns)
        if self._intact.get(sha256) == fingerprint:
            return
        with path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            path.replace(path.with_name(f"{sha256}.damaged"))
            raise BlobDamaged(f"“{escape(name)}” has changed in the storage since it was sent. {RESTORE}")
        self._intact[sha256] = fingerprint

    def remove(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def settled_files(self) -> Iterator[tuple[str, int]]:
        """The digest and size of every stored file that has been there for a while."""
        yield from ((path.name, path.stat().st_size) for path in self.blobs.glob("??/*") if _age(path) > STALE_WORK)

    def free(self) -> int:
        return shutil.disk_usage(self.blobs).free

    def require(self, size: int, reserve: int) -> None:
        """Raises DiskFull where the disk has no room for so many bytes beside the reserve."""
        free = self.free()
        if size + reserve > free:
            raise DiskFull(
                f"The upload needs {size:,} bytes; the disk has {free:,} left, and {reserve:,} are kept in reserve."
            )

    def tidy(self) -> None:
        """Removes what processes that were killed have left."""
        for path in self.incoming.iterdir():
            if _age(path) > STALE_UPLOAD:
                path.unlink(missing_ok=True)
        for path in self.work.iterdir():
            if _age(path) > STALE_WORK:
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            yield Path(folder)

    def lasting(self, name: str) -> Path:
        """A folder of that name for work that outlives its worker, until `drop`, or a day after it last changed."""
        folder = self.work / name
        folder.mkdir(exist_ok=True)
        return folder

    def drop(self, name: str) -> None:
        """Removes a lasting folder; harmless where there is none."""
        shutil.rmtree(self.work / name, ignore_errors=True)

    @contextmanager
    def open_files(self, files: Iterable[tuple[str, str]]) -> Iterator[list[Path]]:
        """(name, sha256) pairs as files in a folder of their own, so that an index finds its shards by name."""
        with self.folder() as folder:
            pairs = list(files)
            for name, sha256 in pairs:
                self.check(sha256, name)
            yield [self._link(sha256, folder / name) for name, sha256 in _local_names(pairs)]

    def _link(self, sha256: str, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(self.path(sha256))
        except OSError:  # a file system without hard links
            target.symlink_to(self.path(sha256).absolute())
        return target


def _local_names(files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each file with a relative path that is safe to create: its own where that is harmless and free, else one with
    its position in a hidden folder. No harmless name begins with a dot and a number, so that one is always free.
    """
    file_paths: set[str] = set()
    folders: set[str] = set()
    for position, (name, sha256) in enumerate(files):
        parts = name.split("/")
        harmless = len(parts) <= MOST_PARTS and all(map(_is_harmless, parts))
        local = name if harmless else f"file-{position}"
        if local in file_paths or local in folders or not file_paths.isdisjoint(_parents(local)):
            local = f".{position}/{parts[-1] if harmless else 'file'}"
        file_paths.add(local)
        folders.update(_parents(local))
        yield local, sha256


def _is_harmless(part: str) -> bool:
    """Whether a part of a path names a file or folder that we can make, and no other than it says.

    One hidden name is: of torch.distributed.checkpoint, which finds its files by it.
    """
    if part == DISTRIBUTED:
        return True
    short = len(part.encode("utf-8", "replace")) <= LONGEST_PART
    return bool(part) and part.isprintable() and short and part[0] not in ". " and "\\" not in part


def _parents(local: str) -> list[str]:
    """The folders that a relative path lies in."""
    return [str(folder) for folder in PurePosixPath(local).parents][:-1]


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
