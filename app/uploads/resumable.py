"""Transfers: files that arrive in pieces or ahead of the checkpoint that they belong to.

The row says what was promised, the partial file how much of it is here. A whole one has a digest, and lies among the
blobs until it expires; checkpoints made of it meanwhile keep its bytes.
"""

import secrets
from collections.abc import Callable

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import checkpoints, retention
from app.db import Database, now
from app.errors import DigestMismatch, NotFound, UploadIncomplete
from app.models import Checkpoint, File, Transfer
from app.settings import Settings
from app.states import OPEN_CHECKPOINTS
from app.storage.blobs import Incoming, Storage
from app.uploads import metadata as promises
from app.uploads.sources import owner_of

STALE = 3600.0  # seconds; a file that is begun has its row far sooner
PROLONGED_EVERY = 60.0  # seconds
AT_ONCE = 100  # expired ones that go in one transaction


def begin(
    session: Session, storage: Storage, settings: Settings, *, name: str | None, size: int, text: str
) -> Transfer:
    """A transfer of so many bytes, none of which is here."""
    transfer = _new(session, settings, name, size, text)
    storage.partials.create(transfer.id)
    return transfer


def _new(session: Session, settings: Settings, name: str | None, size: int, text: str = "") -> Transfer:
    transfer = Transfer(
        id=secrets.token_hex(16),
        name=checkpoints.clean_name(name or "unnamed"),
        bytes=size,
        told=text,
        expires_at=now() + settings.upload_keep_seconds,
    )
    session.add(transfer)
    session.flush()
    session.refresh(transfer)
    return transfer


def get(session: Session, identity: str) -> Transfer:
    """Raises NotFound, also where it has expired."""
    transfer = session.scalar(select(Transfer).where(Transfer.id == identity, Transfer.expires_at > now()))
    if transfer is None:
        raise NotFound("The upload does not exist: it was never created, was deleted, or has expired.")
    return transfer


def offset(storage: Storage, transfer: Transfer) -> int:
    """How many of its bytes are here. Raises NotFound where its file is gone."""
    size = transfer.bytes if transfer.sha256 else storage.partials.offset(transfer.id)
    if size is None:
        raise NotFound("The bytes of this upload were deleted. Start a new upload.")
    return size


def prolong(session: Session, settings: Settings, identity: str) -> float:
    """It is in use: when it expires from now on. Its row is written once a minute at most, not with every piece."""
    expiry = now() + settings.upload_keep_seconds
    later = update(Transfer).where(Transfer.id == identity, Transfer.expires_at < expiry - PROLONGED_EVERY)
    session.execute(later.values(expires_at=expiry), execution_options={"synchronize_session": False})
    return session.scalar(select(Transfer.expires_at).where(Transfer.id == identity)) or 0.0


def finish(
    database: Database, storage: Storage, transfer: Transfer, allowed: Callable[[Session], None] = lambda session: None
) -> str:
    """A whole partial file becomes a blob; its digest. Done again, or twice at once, it changes nothing.

    `allowed` is asked in the same transaction, and raises where it must not be.
    Raises UploadIncomplete, and DigestMismatch where another digest was promised: then nothing of it is kept.
    """
    if transfer.sha256 is not None:
        return transfer.sha256
    size = storage.partials.offset(transfer.id)
    if size is None:
        return _finished_digest(database, transfer.id)
    if size < transfer.bytes:
        raise UploadIncomplete(f"Of upload {transfer.id} {size:,} of {transfer.bytes:,} bytes are here.")
    try:
        digest = storage.partials.sha256(transfer.id)
    except FileNotFoundError:  # another request has finished it
        return _finished_digest(database, transfer.id)
    promise = promises.digest(transfer.told)
    if promise is not None and digest != promise:
        forget(database, storage, transfer.id)
        raise DigestMismatch(
            f"SHA-256 {promise} was expected, but the received bytes have {digest}. The upload was discarded."
        )
    with database.writing() as session:
        allowed(session)
        checkpoints.lock_blob(session, digest, transfer.bytes)  # of two that finish it, one waits here
        if get(session, transfer.id).sha256 is None:
            storage.keep_partial(transfer.id, digest)
        session.execute(update(Transfer).where(Transfer.id == transfer.id).values(sha256=digest))
    storage.partials.remove(transfer.id)  # after the commit: killed in between, it is finished once more
    return digest


def _finished_digest(database: Database, identity: str) -> str:
    """The digest of one that another request has made a blob meanwhile. Raises NotFound."""
    with database.reading() as session:
        digest = get(session, identity).sha256
    if digest is None:
        raise NotFound("The bytes of this upload were deleted. Start a new upload.")
    return digest


def record_arrival(
    session: Session, storage: Storage, settings: Settings, name: str | None, incoming: Incoming
) -> Transfer:
    """A transfer that came in one piece."""
    checkpoints.keep(session, storage, incoming)
    transfer = _new(session, settings, name, incoming.bytes)
    transfer.sha256 = incoming.sha256
    return transfer


def known_size(session: Session, digest: str) -> int | None:
    """How many bytes the caller's file of that digest has; None where the caller has none, whoever else may."""
    in_checkpoint = select(File.bytes).join(Checkpoint, Checkpoint.id == File.checkpoint_id)
    size = session.scalar(in_checkpoint.where(File.sha256 == digest, Checkpoint.released_at.is_(None)).limit(1))
    if size is not None:
        return size
    query = select(Transfer.bytes).where(Transfer.sha256 == digest, Transfer.expires_at > now())
    return session.scalar(query.limit(1))


def forget(database: Database, storage: Storage, identity: str) -> None:
    """Ends a transfer; its bytes go, unless somebody else has the same."""
    with database.writing() as session:
        transfer = get(session, identity)
        digest = transfer.sha256
        session.delete(transfer)
    storage.partials.remove(identity)
    if digest is not None:
        with database.writing() as session:
            retention.collect(session, storage, [digest])


def expire(database: Database, storage: Storage) -> int:
    """Ends the transfers whose time is up; how many."""
    with database.writing() as session:
        query = select(Transfer.id, Transfer.sha256).where(Transfer.expires_at <= now()).limit(AT_ONCE)
        rows = session.execute(query.with_for_update(skip_locked=True)).all()
        session.execute(delete(Transfer).where(Transfer.id.in_([row.id for row in rows])))
    for row in rows:
        storage.partials.remove(row.id)
    digests = sorted({row.sha256 for row in rows if row.sha256})
    if digests:
        with database.writing() as session:
            retention.collect(session, storage, digests)
    return len(rows)


def strays(session: Session, storage: Storage) -> list[str]:
    """The partial files that belong to nothing any more: what a process left that was killed between two steps."""
    names = storage.partials.silent(STALE)
    moving = set(session.scalars(select(Checkpoint.id).where(Checkpoint.state.in_(OPEN_CHECKPOINTS))))
    transfer_ids = set(session.scalars(select(Transfer.id)))
    return [name for name in names if name not in transfer_ids and owner_of(name) not in moving]
