"""Results of earlier commands, in a file of the user's cache folder, so that the same tensor is not measured twice.

The file is bounded: what was not used for longest goes first. Whatever goes wrong with it costs time and nothing else.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock

from analysis.engine.kept import Kept
from analysis.formats import Checkpoint

LIMIT = 256 << 20  # bytes of entries
LEFT = 0.8  # of the limit, where it was passed
BUSY = 2.0  # seconds to wait for another command that writes
TABLE = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, data BLOB NOT NULL, used REAL NOT NULL) WITHOUT ROWID"

READ = "SELECT key, data FROM kept WHERE key IN (SELECT value FROM json_each(?))"
MARK = "UPDATE kept SET used = ? WHERE key IN (SELECT value FROM json_each(?))"


def cache_folder() -> Path:
    """The user's cache folder by the XDG convention."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "eigenscope"


def kept_results(checkpoints: Sequence[tuple[Checkpoint, str | None]], device: str) -> Kept | None:
    """What earlier commands found on these checkpoints, each with its part; None where there is no such folder."""
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        return Kept(KeptFile(folder / "results.db"), [source_of(one, part) for one, part in checkpoints], device)
    except (OSError, RuntimeError, sqlite3.Error):  # no home, or not ours to write
        return None


def source_of(checkpoint: Checkpoint, part: str | None = None) -> str:
    """Which files it was read from, as the file system has them now; "" where one of them is gone.

    A file that is written again has another time of change, which no program can set. Files that lie beside them may
    say how they are read.
    """
    files = {array.path for array in checkpoint.stored.values()}
    beside = {path for folder in {file.parent for file in files} for path in folder.glob("*.json")}
    try:
        marks = [_mark(path) for path in sorted(files | beside)]
    except OSError:
        return ""
    return hashlib.blake2b(repr((part, marks)).encode(), digest_size=32).hexdigest()


def _mark(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class KeptFile:
    """A Store in a file. Several threads and several commands may use it at once."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path, self._limit, self._lock = path, limit, Lock()
        try:
            self._create()
        except sqlite3.OperationalError:  # another command has it
            raise
        except sqlite3.DatabaseError:  # it is damaged: everything in it can be computed again
            for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                name.unlink(missing_ok=True)
            self._create()

    def _create(self) -> None:
        with self._opened() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(TABLE)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._lock, closing(sqlite3.connect(self._path, timeout=BUSY)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")  # nothing is lost with it that cannot be computed again
            yield connection

    def get(self, keys: Collection[str]) -> Mapping[str, bytes]:
        """Those of the entries that are there; they count as used now."""
        wanted = json.dumps(sorted(keys))
        found: dict[str, bytes] = {}
        with suppress(sqlite3.Error), self._opened() as connection:
            found = dict(connection.execute(READ, (wanted,)))
            connection.execute(MARK, (time.time(), wanted))
        return found

    def put(self, entries: Mapping[str, bytes]) -> None:
        rows = [(key, data, time.time()) for key, data in sorted(entries.items())]
        with suppress(sqlite3.Error), self._opened() as connection:
            connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)
            self._forget(connection)

    def _forget(self, connection: sqlite3.Connection) -> None:
        """Where the entries take more than the limit, those that were not used for longest go."""
        total: int = connection.execute("SELECT coalesce(sum(length(data)), 0) FROM kept").fetchone()[0]
        if total <= self._limit:
            return
        for key, size in connection.execute("SELECT key, length(data) FROM kept ORDER BY used").fetchall():
            connection.execute("DELETE FROM kept WHERE key = ?", (key,))
            total -= size
            if total <= LEFT * self._limit:
                return
