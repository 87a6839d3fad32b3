"""The ends of runs, heard of as they happen, so that a request that waits for one need not ask again and again.

One thread for all who wait. PostgreSQL tells it (LISTEN and NOTIFY, `app.db.tell`). Of SQLite it compares the number
of the file's last change, a word in shared memory, every few milliseconds. Where neither answers, those who wait look
themselves, once a second.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select, text

from app.db import ENDS, Database
from app.models import Run
from app.states import ENDED

TICK = 0.02  # seconds between two looks at SQLite's number
SILENCE = 1.0  # seconds that PostgreSQL is listened to at a time
IDLE = 1.0  # seconds without anybody who waits, after which the thread ends
REST = 1.0  # seconds after the database was away
log = logging.getLogger(__name__)
Tell = Callable[[], None]


class Ends:
    """Calls back those who wait for runs that have ended, or are gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Tell, int] = {}  # run ids by whom to tell
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def expected(self, run_id: int, tell: Tell) -> Iterator[None]:
        """Within it `tell` is called, from another thread, when the run ends. It may be called more than once."""
        with self._lock:
            self._waiting[tell] = run_id
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="ends", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[tell]

    def _listen(self) -> None:
        idle_since = time.monotonic()
        while True:
            try:
                with self._database.engine.connect() as connection:
                    for _ in changes(connection):
                        self._look()
                        if self._waiting:
                            idle_since = time.monotonic()
                        elif time.monotonic() - idle_since > IDLE and self._ended():
                            return
            except Exception:  # the database may be away: those who wait look themselves meanwhile
                log.warning("the ends of runs are not heard of", exc_info=True)
                time.sleep(REST)
                if self._ended():
                    return

    def _ended(self) -> bool:
        """Whether nobody waits; then the next who does starts another thread."""
        with self._lock:
            if not self._waiting:
                self._thread = None
            return self._thread is None

    def _look(self) -> None:
        with self._lock:
            waiting = dict(self._waiting)
        if not waiting:
            return
        with self._database.reading() as session:
            query = select(Run.id).where(Run.id.in_(set(waiting.values())), Run.state.not_in(ENDED))
            under_way = set(session.scalars(query))
        for tell, run_id in waiting.items():
            if run_id not in under_way:
                tell()


def changes(connection: Connection) -> Iterator[None]:
    """One at first, one for each change of the database that may be the end of a run, and one every second."""
    yield
    yield from (_of_postgresql if connection.dialect.name == "postgresql" else _of_sqlite)(connection)


def _of_postgresql(connection: Connection) -> Iterator[None]:
    connection.detach()  # it is closed at the end, and does not go on listening in the pool
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.execute(text(f"LISTEN {ENDS}"))
    driver = connection.connection.driver_connection
    assert driver is not None, "it is open"
    yield  # what happened before it listened
    while True:
        for _ in driver.notifies(timeout=SILENCE, stop_after=1):
            pass
        yield


def _of_sqlite(connection: Connection) -> Iterator[None]:
    cursor = connection.connection.cursor()
    number, told_at = None, 0.0
    while True:
        before, number = number, cursor.execute("PRAGMA data_version").fetchone()[0]
        if number != before or time.monotonic() - told_at > SILENCE:
            told_at = time.monotonic()
            yield
        time.sleep(TICK)
