"""Who holds which piece of work, by the database's clock: claim, renew, give back, and find what fell through.

Everything here is true of any `Work`: a checkpoint to ingest, a mitigation, a prescription, a unit to analyse.
"""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from app.db import clock, now, wake
from app.models import Check, Checkpoint, Mitigation, Prescription, Unit, Work

FIRST_RESEND = 5.0  # seconds until a message that nobody took is sent again; doubles each time
LAST_RESEND = 300.0
IDLE_RESEND = 2.0  # seconds until the same where no worker holds anything, so that waiting means lost
AT_ONCE = 100
SKEW = 5.0  # seconds

W = TypeVar("W", bound=Work)
KINDS: tuple[type[Work], ...] = (Check, Checkpoint, Mitigation, Prescription, Unit)


class LeaseLost(Exception):
    """The work is no longer this worker's: cancelled, or taken over after a silence."""


def offer(session: Session, work: Work, later: bool = False) -> None:
    """Puts work up for any worker, and wakes one at once, or `later` by the sweeper."""
    moment = clock(session)
    work.state, work.lease_until = work.WAITING, None
    work.sent, work.sent_at, work.resend_at = 0, moment, moment + FIRST_RESEND
    session.add(work)
    session.flush()
    if not later:
        wake(session, work.TASK, work.id)


def claim(session: Session, kind: type[W], identity: int, seconds: float) -> W | None:
    """The work under a new lease, or None where it is not there to be had."""
    claimed_id = session.execute(
        update(kind)
        .where(kind.id == identity, kind.state == kind.WAITING)
        .values(state=kind.HELD, claim=kind.claim + 1, attempts=kind.attempts + 1, lease_until=now() + seconds)
        .returning(kind.id),
        execution_options={"synchronize_session": False},
    ).scalar()
    return None if claimed_id is None else session.get(kind, identity, populate_existing=True)


def renew(session: Session, kind: type[W], identity: int, claim: int, seconds: float) -> None:
    """Holds the work for so many seconds from now on. Raises LeaseLost."""
    held_id = session.execute(
        update(kind)
        .where(kind.id == identity, kind.state == kind.HELD, kind.claim == claim)
        .values(lease_until=now() + seconds)
        .returning(kind.id),
        execution_options={"synchronize_session": False},
    ).scalar()
    if held_id is None:
        raise LeaseLost(f"{kind.__name__} {identity}, claim {claim}")


def lock_held(session: Session, kind: type[W], identity: int, claim: int) -> W:
    """The work, locked until the end of the transaction. Raises LeaseLost where it is not this claim's any more."""
    work = session.get(kind, identity, with_for_update=True, populate_existing=True)
    if work is None or work.state != kind.HELD or work.claim != claim:
        raise LeaseLost(f"{kind.__name__} {identity}, claim {claim}")
    return work


def give_back(session: Session, kind: type[W], identity: int, claim: int) -> None:
    """Offers the work again as if it had not been claimed: its worker was told to stop. Raises LeaseLost."""
    work = lock_held(session, kind, identity, claim)
    work.attempts = max(0, work.attempts - 1)
    offer(session, work)


def is_held(session: Session, kind: type[W], identity: int, claim: int) -> bool:
    """Whether the work is still this claim's."""
    mine = (kind.id == identity, kind.state == kind.HELD, kind.claim == claim)
    return bool(session.scalar(select(exists().where(*mine))))


def bound(session: Session, seconds: float) -> None:
    """Shortens leases that reach further than any that was given: since then the clock was set back."""
    for kind in KINDS:
        far = (kind.state == kind.HELD, kind.lease_until > now() + 2 * seconds)
        session.execute(update(kind).where(*far).values(lease_until=now() + seconds))


def lock_expired(session: Session, kind: type[W]) -> Sequence[W]:
    """Work whose worker has been silent for too long, locked."""
    query = select(kind).where(kind.state == kind.HELD, kind.lease_until < now())
    return session.scalars(query.with_for_update(skip_locked=True, of=kind)).all()


def release(session: Session) -> None:
    """Lets every lease run out now: for a worker that knows that there is no other."""
    for kind in KINDS:
        session.execute(update(kind).where(kind.state == kind.HELD).values(lease_until=0.0))


def resend(session: Session) -> int:
    """Sends again the wake-ups that seem lost; how many."""
    moment, count = clock(session), 0
    idle = not any(session.scalar(select(exists().where(kind.state == kind.HELD))) for kind in KINDS)
    for kind in KINDS:
        for work in _lock_silent(session, kind, moment, idle):
            work.sent += 1
            work.sent_at, work.resend_at = moment, moment + min(FIRST_RESEND * 2.0**work.sent, LAST_RESEND)
            wake(session, kind.TASK, work.id)
            count += 1
    return count


def _lock_silent(session: Session, kind: type[W], moment: float, idle: bool) -> Sequence[W]:
    is_late = or_(kind.resend_at < moment, kind.sent_at > moment + SKEW)  # sent later than now: the clock was set back
    if idle:
        is_late = or_(is_late, kind.sent_at < moment - IDLE_RESEND)
    query = select(kind).where(kind.state == kind.WAITING, is_late).order_by(kind.id).limit(AT_ONCE)
    return session.scalars(query.with_for_update(skip_locked=True, of=kind)).all()
