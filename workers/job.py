"""One life of a job: held under a lease that a heartbeat renews, and ended in the same ways whatever the job is.

It is done; or given back, as if no one had tried, when its worker is told to stop before its time limit; or lost, when
it was cancelled or another worker has it; or rejected, where no worker can do better; or failed, and tried again while
attempts are left.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Timer
from typing import Any, Generic, TypeVar

from analysis.errors import EigenscopeError, escape
from app.db import Database, Session
from app.errors import BlobDamaged, DiskFull, Overloaded
from app.faults import heed_stops
from app.models import Work
from app.settings import Settings
from app.work import leases
from app.work.leases import LeaseLost
from workers.heartbeat import Heartbeat

RETRY_SECONDS = 1.0  # between two attempts to write
log = logging.getLogger(__name__)
W = TypeVar("W", bound=Work)
T = TypeVar("T")
leave: Callable[[], None] | None = None  # ends this process where its work was cancelled: set in pool processes


@dataclass(frozen=True, slots=True)
class Kind(Generic[W]):
    """What differs between jobs."""

    table: type[W]
    final: tuple[type[Exception], ...]  # errors, each with a `code`, after which no worker can do better
    reject: Callable[[Session, int, int, str, str], None]  # of the id and claim, with a code and a reason
    fail: Callable[[Session, Settings, W, str], None]  # of the row, which is held, with a reason


@dataclass(frozen=True, slots=True)
class _Job(Generic[W]):
    database: Database
    settings: Settings
    kind: Kind[W]
    id: int
    claim: int

    def __str__(self) -> str:
        return f"{self.kind.table.__name__.lower()} {self.id}"

    def renew(self) -> None:
        with self.database.writing() as session:
            leases.renew(session, self.kind.table, self.id, self.claim, self.settings.lease_seconds)

    def is_held(self) -> bool:
        with self.database.reading() as session:
            return leases.is_held(session, self.kind.table, self.id, self.claim)

    def give_back(self) -> None:
        with suppress(LeaseLost), self.database.writing() as session:
            leases.give_back(session, self.kind.table, self.id, self.claim)

    def reject(self, error: Any) -> None:
        log.info("%s rejected: %s", self, error.code)
        with _unless_lost(), self.database.writing() as session:
            self.kind.reject(session, self.id, self.claim, error.code, str(error))

    def fail(self, error: Exception) -> None:
        log.exception("%s failed", self)
        with _unless_lost(), self.database.writing() as session:
            work = leases.lock_held(session, self.kind.table, self.id, self.claim)
            self.kind.fail(session, self.settings, work, reason_of(error))


@contextmanager
def hold_lease(
    database: Database, settings: Settings, kind: Kind[W], identity: int, claim: int, stop: Event | None = None
) -> Iterator[None]:
    """Holds the claimed job while the block works on it, and ends it by how the block ends.

    `stop` is set where the block has to end, by SystemExit, as the lease is lost or the time is up; without it this
    process ends.
    """
    job = _Job(database, settings, kind, identity, claim)
    began = time.monotonic()
    final: tuple[type[Exception], ...] = (*kind.final, DiskFull, BlobDamaged)
    end = leave if stop is None else stop.set
    try:
        with (
            _unless_lost(),
            _stop_in_time(stop, settings),
            Heartbeat(job.renew, settings.lease_seconds, job.is_held, end),
            heed_stops(),
        ):
            yield
    except SystemExit:  # this worker was told to stop, by a person or because the job took too long
        if time.monotonic() - began < settings.unit_limit_seconds:
            job.give_back()
        else:
            job.fail(
                TimeoutError(f"it took longer than {settings.unit_limit_seconds} s, the limit of one unit of work")
            )
        raise
    except final as error:
        job.reject(error)
    except Exception as error:  # through no fault of the files that we know of
        job.fail(error)


@contextmanager
def _stop_in_time(stop: Event | None, settings: Settings) -> Iterator[None]:
    """Sets `stop` once the time of one unit of work is up; where there is none, Celery ends the process."""
    timer = Timer(settings.unit_limit_seconds, stop.set if stop is not None else lambda: None)
    timer.daemon = True
    if stop is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def persist(database: Database, settings: Settings, write: Callable[[Session], T]) -> T:
    """One transaction, tried again while the database is away: what was measured is not lost for that.

    `write` must take a second call after a commit whose answer was lost. Gives up after the time of one unit of work.
    """
    began = time.monotonic()
    while True:
        try:
            with database.writing() as session:
                return write(session)
        except Overloaded:
            if time.monotonic() - began > settings.unit_limit_seconds:
                raise
            log.warning("the database is away; the worker keeps its results and tries again")
            time.sleep(RETRY_SECONDS)


@contextmanager
def _unless_lost() -> Iterator[None]:
    try:
        yield
    except LeaseLost as lost:
        log.info("stopped: %s", lost)


def reason_of(error: Exception) -> str:
    """What went wrong, without the paths of this machine."""
    if isinstance(error, EigenscopeError):
        return error.message
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or "no details are available"
    return f"{type(error).__name__}: {escape(text)}"
