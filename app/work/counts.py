"""What there is and what waits, counted from the rows: the numbers behind the metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import clock
from app.models import Blob, Checkpoint, Product, Result, Run, Unit, Work
from app.work.leases import KINDS


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything at one moment. Work is told by its task: ingest, mitigate, prescribe, analyse."""

    runs: Mapping[str, int]  # by state
    work: Mapping[tuple[str, str], int]  # by task and state; checkpoints are the work of `ingest`
    oldest: Mapping[str, float]  # seconds since the oldest that waits was asked for, 0 where none waits
    expired: Mapping[str, int]  # held under a lease that ran out
    reclaims: Mapping[str, int]  # claims after the first: a lease was lost, or given back, or an attempt failed
    results: int
    tensors: int  # with their rows
    stored_bytes: int


def take(session: Session) -> Counts:
    moment = clock(session)
    return Counts(
        runs=_states(session, Run),
        work={(kind.TASK, state): count for kind in KINDS for state, count in _states(session, kind).items()},
        oldest={kind.TASK: max(0.0, moment - (_oldest(session, kind) or moment)) for kind in KINDS},
        expired={kind.TASK: _count_expired(session, kind, moment) for kind in KINDS},
        reclaims={kind.TASK: _reclaims(session, kind) for kind in KINDS},
        results=session.scalar(select(func.count()).select_from(Result)) or 0,
        tensors=session.scalar(select(func.sum(Unit.done))) or 0,
        stored_bytes=int(session.scalar(select(func.sum(Blob.bytes))) or 0),
    )


def _states(session: Session, kind: type[Work] | type[Run]) -> dict[str, int]:
    rows = session.execute(select(kind.state, func.count()).group_by(kind.state))
    return {row.state: row[1] for row in rows}


def _oldest(session: Session, kind: type[Work]) -> float | None:
    """When what waits longest was asked for; of a unit, when its run was."""
    if issubclass(kind, Unit):
        query = select(func.min(Run.created_at)).join(Unit, Unit.run_id == Run.id).where(Unit.state == Unit.WAITING)
        return session.scalar(query)
    assert issubclass(kind, Checkpoint | Product)
    return session.scalar(select(func.min(kind.created_at)).where(kind.state == kind.WAITING))


def _count_expired(session: Session, kind: type[Work], moment: float) -> int:
    query = select(func.count()).select_from(kind).where(kind.state == kind.HELD, kind.lease_until < moment)
    return session.scalar(query) or 0


def _reclaims(session: Session, kind: type[Work]) -> int:
    return int(session.scalar(select(func.sum(kind.claim - 1)).where(kind.claim > 1)) or 0)
