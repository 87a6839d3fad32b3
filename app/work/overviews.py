"""Ended runs whose overviews are still to be made, found by the sweeper: without torch, so that it may."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import clock, now, wake
from app.models import Member, Run
from app.states import ENDED

ASK_AGAIN = 60.0  # seconds after which a worker is asked once more
AT_ONCE = 20


def ask(session: Session) -> int:
    """Wakes a worker for each ended run without overviews, as for one that was cancelled; for how many."""
    due = select(Run.id).where(Run.state.in_(ENDED), Run.summarise_at <= now()).order_by(Run.id.desc()).limit(AT_ONCE)
    ids = list(session.scalars(due))
    _ask(session, ids)
    return len(ids)


def ask_anew(session: Session, checkpoint_id: int) -> None:
    """Wakes a worker for each ended run of a checkpoint whose facts have changed: what a list says may have too."""
    of_it = select(Member.run_id).where(Member.checkpoint_id == checkpoint_id)
    _ask(session, list(session.scalars(select(Run.id).where(Run.state.in_(ENDED), Run.id.in_(of_it)))))


def _ask(session: Session, ids: Sequence[int]) -> None:
    for run_id in ids:
        session.execute(update(Run).where(Run.id == run_id).values(summarise_at=clock(session) + ASK_AGAIN))
        wake(session, "summarise", run_id)


def end(session: Session, run_id: int) -> None:
    """No worker is asked again: they are made, or cannot be."""
    session.execute(update(Run).where(Run.id == run_id).values(summarise_at=None))
