"""Idempotency-Key: a request that creates something and is sent twice creates it once, and is answered alike.

The key's row is written in the transaction that creates, so that one is never there without the other; a second
request with the key waits for that transaction. What failed leaves no row, and may be tried again.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import delete, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import insert_of, now
from app.errors import BadRequest, Conflict, KeyReused
from app.models import Key
from app.tenancy import project_of

KEPT = 24 * 3600.0  # seconds
LONGEST = 255  # characters of a key
WAIT = "10s"  # for another request with the same key, on PostgreSQL; SQLite lets one writer in at a time
LOCKED = "55P03"  # of PostgreSQL: lock_not_available

BUSY = "The first request with this Idempotency-Key is still in progress. Try again."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request with a key was answered."""

    status: int
    location: str | None
    body: str


def check(key: str) -> None:
    if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise BadRequest(f"An Idempotency-Key must have 1 to {LONGEST} printable ASCII characters.")


def digest_of(*parts: bytes) -> str:
    """SHA-256 of a request, each part with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()


def claim(session: Session, route: str, key: str, digest: str) -> Answer | None:
    """None: the request is the first with this key, and its answer goes to `keep`. Else the answer that was given.

    Raises KeyReused where it was another request.
    """
    check(key)
    mine = (Key.route == route, Key.key == key)
    session.execute(delete(Key).where(*mine, Key.created_at < now() - KEPT))
    if _first(session, route, key, digest):
        return None
    row = session.scalar(select(Key).where(*mine))
    if row is None or row.status is None or row.body is None:
        raise Conflict(BUSY)
    if row.digest != digest:
        raise KeyReused("This Idempotency-Key was used for another request. Use a new key for each request.")
    return Answer(row.status, row.location, row.body)


def _first(session: Session, route: str, key: str, digest: str) -> bool:
    """Whether nobody had the key before; waits for whoever is about to have it."""
    project = project_of(session)
    row = insert_of(session)(Key).values(project_id=project, route=route, key=key, digest=digest)
    patient = session.get_bind().dialect.name == "postgresql"
    try:
        if patient:
            session.execute(text(f"SET LOCAL lock_timeout = '{WAIT}'"))
        mine = session.scalar(row.on_conflict_do_nothing().returning(Key.id)) is not None
        if patient:
            session.execute(text("SET LOCAL lock_timeout = DEFAULT"))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCKED and "locked" not in str(error.orig):
            raise
        raise Conflict(BUSY) from error
    return mine


def keep(session: Session, route: str, key: str, answer: Answer) -> None:
    """The answer of the request that claimed the key."""
    row = session.scalars(select(Key).where(Key.route == route, Key.key == key)).one()
    row.status, row.location, row.body = answer.status, answer.location, answer.body
    session.flush()


def forget(session: Session) -> None:
    """Keys of yesterday."""
    session.execute(delete(Key).where(Key.created_at < now() - KEPT))
