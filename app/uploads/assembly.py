"""Checkpoints made of files that are here already: named by their digests, or by the uploads that brought them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import checkpoints
from app.access import quotas
from app.db import Database, now
from app.errors import UnknownFile
from app.models import Blob, Checkpoint, File
from app.states import CheckpointState
from app.storage.blobs import Storage
from app.uploads import resumable as transfers


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the checkpoint to be made: its name there, and its digest or its upload."""

    name: str | None
    sha256: str | None = None
    upload: str | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """A part by its name and digest."""

    name: str
    sha256: str


def locate(database: Database, storage: Storage, parts: Sequence[Part]) -> list[Located]:
    """Where the parts are; uploads that are whole and not yet blobs become blobs. Raises UploadIncomplete, NotFound."""
    return [Located(*_digest(database, storage, part)) for part in parts]


def assemble(
    session: Session,
    name: str | None,
    parts: Sequence[Located],
    stated: Mapping[str, Any] = MappingProxyType({}),
) -> Checkpoint:
    """A checkpoint of these parts, offered for ingest. Raises UnknownFile and QuotaExceeded."""
    for digest in sorted({part.sha256 for part in parts}):  # one order of locks for everyone
        _hold(session, digest)
    files = [(part.name, part.sha256, _size(session, part.name, part.sha256)) for part in parts]
    checkpoint = checkpoints.offer(session, name, files, stated)
    quotas.check(session, tensors=1, bytes=0, files=0)  # once they are its files, and no longer on their way
    return checkpoint


def copy_part(session: Session, checkpoint: Checkpoint, part: str) -> Checkpoint:
    """A checkpoint of the same files that is a copy of the weights in them, such as their running average."""
    files = [Located(file.name, file.sha256) for file in checkpoint.files]
    copy = assemble(session, f"{checkpoint.name} ({part})", files, checkpoint.stated)
    copy.part = part
    return copy


def _digest(database: Database, storage: Storage, part: Part) -> tuple[str, str]:
    """A part's name and digest; an upload that is whole and not yet a blob becomes one."""
    if part.upload is None:
        assert part.sha256 is not None
        return part.name or "unnamed", part.sha256
    with database.reading() as session:
        transfer = transfers.get(session, part.upload)
    return part.name or transfer.name, transfers.finish(database, storage, transfer)


def _hold(session: Session, digest: str) -> None:
    """Locks the bytes against whoever would collect them."""
    session.execute(update(Blob).where(Blob.sha256 == digest).values(created_at=now()))


def _size(session: Session, called: str, digest: str) -> int:
    size = transfers.known_size(session, digest)
    if size is None:
        raise UnknownFile(
            f"“{called}”: no file of this project has the SHA-256 {digest}. Send it to /api/v1/blobs/{digest}."
        )
    return size


def same(
    session: Session,
    file: str,
    sha256: str,
    name: str | None = None,
    stated: Mapping[str, Any] = MappingProxyType({}),
) -> Checkpoint | None:
    """The newest checkpoint that is this one file under this name and was not rejected: what was sent twice.

    Where a name of the checkpoint or facts are given too, it has that name, and these facts were stated about it.
    """
    query = (
        select(Checkpoint)
        .join(File, File.checkpoint_id == Checkpoint.id)
        .where(
            File.sha256 == sha256,
            File.name == file,
            Checkpoint.state != CheckpointState.REJECTED,
            Checkpoint.released_at.is_(None),
            Checkpoint.part.is_(None),
        )
        .order_by(Checkpoint.id.desc())
    )
    if name:
        query = query.where(Checkpoint.name == checkpoints.clean_name(name))
    candidates = (checkpoint for checkpoint in session.scalars(query) if len(checkpoint.files) == 1)
    return next((checkpoint for checkpoint in candidates if stated.items() <= checkpoint.stated.items()), None)
