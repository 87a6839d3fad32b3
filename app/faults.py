"""What the database or the disk cannot do now, as the answer of the service: 503 with Retry-After, or 507."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import BadRequest, DiskFull, Overloaded, ServiceError
from app.storage.disk import FULL

OVERLOADED = "The database is busy. Nothing was changed. Try again."
AWAY = "The database does not respond. Try again in a few seconds."
NO_ROOM = "The disk of the database is full. Nothing was changed. Free some space, and try again."
SQLITE_FULL = ("database or disk is full", "disk I/O error")  # the second where the file of the log finds no room
OURS = ("no such ", "syntax error", "ambiguous column", "has no column")  # in SQLite operational too: faults of ours
POSTGRESQL_FULL = "53100"
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connections, resources, operators, rollbacks, locks
PASSING = ("08", "53", "57", "58", "40", "55")
NUL = "The request contains a NUL character. Remove it."  # as PostgreSQL's driver says of any text with one
READ_ONLY = "25006"  # a server that has just handed over to another


def answer_of(error: BaseException) -> ServiceError | None:
    """The answer to an error of the database's driver or the disk; None where it is a fault of ours."""
    if isinstance(error, PoolTimeout):
        return Overloaded(OVERLOADED)
    if isinstance(error, OSError):
        return DiskFull(NO_ROOM) if error.errno in FULL else None
    if not isinstance(error, DBAPIError):
        return None
    state, text = getattr(error.orig, "sqlstate", None) or "", str(error.orig)
    if state == POSTGRESQL_FULL or text.startswith(SQLITE_FULL):
        return DiskFull(NO_ROOM)
    if "cannot contain NUL" in text:
        return BadRequest(NUL)
    if "database is locked" in text:
        return Overloaded(OVERLOADED)
    lost = error.connection_invalidated or state.startswith(PASSING) or state == READ_ONLY
    operational = isinstance(error, OperationalError | InterfaceError) and not state
    return Overloaded(AWAY) if lost or (operational and not any(part in text for part in OURS)) else None


@contextmanager
def heed_stops() -> Iterator[None]:
    """Ends in SystemExit where one came inside, though what it interrupted then ended in an error of its own.

    A signal is heard between any two steps, so also in the middle of a driver's call, whose tidying up then fails.
    """
    before = _stop_behind(sys.exception())
    try:
        yield
    except Exception as error:
        stop = _stop_behind(error)
        if stop is None or stop is before:
            raise
        raise stop from None


def _stop_behind(error: BaseException | None) -> SystemExit | None:
    """The SystemExit that was on its way when `error` was raised, or that `error` is."""
    seen: set[int] = set()
    while error is not None and not isinstance(error, SystemExit) and id(error) not in seen:
        seen.add(id(error))
        error = error.__context__
    return error if isinstance(error, SystemExit) else None
