"""How long weights are kept: some days after their last analysis, unless somebody pins them. Reports stay.

What lets go marks the checkpoint; the bytes go when no checkpoint that still holds them is left.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from app.access import audit
from app.db import clock
from app.errors import Conflict, WeightsDeleted
from app.models import Blob, Checkpoint, File, Member, Mitigation, Prescription, PrescriptionFile, Run, Transfer
from app.settings import Settings
from app.states import OPEN_MITIGATIONS, OPEN_PRESCRIPTIONS, OPEN_RUNS, CheckpointState
from app.storage.blobs import Storage
from app.tenancy import EVERYWHERE

DAY = 86_400.0  # seconds
AT_ONCE = 100


def require_ready(checkpoint: Checkpoint) -> None:
    """Raises Conflict where the weights cannot be read now: not yet, not at all, or no longer."""
    if checkpoint.state == CheckpointState.REJECTED:
        raise Conflict(f"Checkpoint {checkpoint.id} was rejected: {checkpoint.reason}")
    if checkpoint.state != CheckpointState.READY:
        raise Conflict(f"Checkpoint {checkpoint.id} is still being read. Try again when it is ready.")
    require_weights(checkpoint)


def require_weights(checkpoint: Checkpoint) -> None:
    """Raises WeightsDeleted where the weights are gone."""
    if checkpoint.released_at is not None:
        raise WeightsDeleted(
            f"The weights of checkpoint {checkpoint.id} were deleted by retention. Its reports "
            "remain. To analyse it again, upload it again, and pin it to keep it."
        )


def deletion_time(session: Session, settings: Settings, checkpoint: Checkpoint) -> float | None:
    """When its weights are to go, in seconds since 1970; None where they stay, or are gone."""
    if not settings.keep_days or checkpoint.pinned or checkpoint.released_at is not None:
        return None
    start = checkpoint.created_at if checkpoint.state == CheckpointState.REJECTED else _last_end(session, checkpoint.id)
    return None if start is None else start + settings.keep_days * DAY


def _last_end(session: Session, identity: int) -> float | None:
    """When the last run over it ended; None where none did, or one is under way."""
    query = select(func.max(Run.finished_at)).join(Member).where(Member.checkpoint_id == identity)
    return None if session.scalar(select(_busy(identity))) else session.scalar(query)


def _busy(identity: object) -> ColumnElement[bool]:
    runs = exists().where(Member.checkpoint_id == identity, Member.run_id == Run.id, Run.state.in_(OPEN_RUNS))
    either = or_(Mitigation.base_id == identity, Mitigation.tuned_id == identity)
    mitigated = exists().where(either, Mitigation.state.in_(OPEN_MITIGATIONS))
    read = exists().where(
        Member.checkpoint_id == identity,
        Member.run_id == Prescription.run_id,
        Prescription.state.in_(OPEN_PRESCRIPTIONS),
    )
    return or_(runs, mitigated, read)


def pin(session: Session, checkpoint: Checkpoint, pinned: bool) -> None:
    """Keeps its weights for good, or no longer."""
    if pinned:
        require_weights(checkpoint)
    if checkpoint.pinned != pinned:
        checkpoint.pinned = pinned
        audit.note(session, "checkpoint.pin" if pinned else "checkpoint.unpin", f"checkpoint {checkpoint.id}")


def due(session: Session, settings: Settings) -> Sequence[int]:
    """The checkpoints whose weights have been kept long enough, oldest first."""
    if not settings.keep_days:
        return []
    limit = clock(session) - settings.keep_days * DAY
    last_end = select(func.max(Run.finished_at)).join(Member).where(Member.checkpoint_id == Checkpoint.id)
    is_analysed = (Checkpoint.state == CheckpointState.READY) & (last_end.scalar_subquery() < limit)
    useless = (Checkpoint.state == CheckpointState.REJECTED) & (Checkpoint.created_at < limit)
    query = select(Checkpoint.id).where(
        Checkpoint.released_at.is_(None), Checkpoint.pinned.is_(False), or_(is_analysed, useless), ~_busy(Checkpoint.id)
    )
    return session.scalars(query.order_by(Checkpoint.id).limit(AT_ONCE)).all()


def release(session: Session, settings: Settings, identity: int) -> list[str]:
    """Lets go of one that is still due; the digests whose bytes nobody may need any more. `collect` them afterwards."""
    checkpoint = session.get(Checkpoint, identity, with_for_update=True, populate_existing=True)
    if checkpoint is None or identity not in due(session, settings):
        return []
    checkpoint.released_at = clock(session)
    audit.note(
        session, "checkpoint.release", f"checkpoint {checkpoint.id}, {checkpoint.name}", {"bytes": checkpoint.bytes}
    )
    return sorted(
        {file.sha256 for file in checkpoint.files} | ({checkpoint.rewritten} if checkpoint.rewritten else set())
    )


def holders(digest: str) -> ColumnElement[bool]:
    """Whether a checkpoint, a prescription or an upload, of whatever project, still holds these bytes."""
    holding = Checkpoint.released_at.is_(None)
    of_file = exists().where(File.sha256 == digest, File.checkpoint_id == Checkpoint.id, holding)
    of_upload = exists().where(Transfer.sha256 == digest)
    return or_(of_file, exists().where(Checkpoint.rewritten == digest, holding), of_upload, _is_prescribed(digest))


def is_mentioned(digest: str) -> ColumnElement[bool]:
    """Whether a checkpoint at least remembers that it had them, or a prescription has them."""
    remembered = or_(exists().where(File.sha256 == digest), exists().where(Checkpoint.rewritten == digest))
    return or_(remembered, _is_prescribed(digest))


def _is_prescribed(digest: str) -> ColumnElement[bool]:
    return exists().where(PrescriptionFile.sha256 == digest)


def collect(session: Session, storage: Storage, digests: Sequence[str]) -> None:
    """Removes the bytes that no checkpoint holds any more; the row stays where one remembers them."""
    for digest in digests:
        # the lock first, the count in a statement of its own: an upload of the same bytes may just have come in
        blob = session.scalar(select(Blob).where(Blob.sha256 == digest).with_for_update())
        if blob is None or _exists(session, holders(digest)):
            continue
        storage.remove(digest)
        if _exists(session, is_mentioned(digest)):
            blob.removed_at = clock(session)
        else:
            session.delete(blob)
        session.flush()


def _exists(session: Session, condition: ColumnElement[bool]) -> bool:
    return bool(session.scalar(select(condition).execution_options(**EVERYWHERE)))
