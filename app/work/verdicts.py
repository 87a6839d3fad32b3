"""Verdicts that are still to be made though their run has ended, found by the sweeper: without torch, so that it may.

Whoever reads such a verdict makes it; a worker makes it where nobody reads.
"""

from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.db import clock, now, wake
from app.models import Run, Verdict
from app.states import ENDED
from app.work.leases import AT_ONCE

FIRST_ASK, LAST_ASK = 30.0, 3600.0  # seconds until a worker is asked again; doubles each time
MOST_ASKS = 8


def ask(session: Session) -> int:
    """Wakes a worker for each verdict that could be made; for how many."""
    query = (
        select(Verdict)
        .join(Run, Run.id == Verdict.run_id)
        .where(Verdict.result.is_(None), Run.state.in_(ENDED), Verdict.ask_at < now(), Verdict.asks < MOST_ASKS)
    )
    rows = session.scalars(
        query.order_by(Verdict.id).limit(AT_ONCE).with_for_update(skip_locked=True, of=Verdict)
    ).all()
    for verdict in rows:
        verdict.ask_at = clock(session) + min(FIRST_ASK * 2.0**verdict.asks, LAST_ASK)
        verdict.asks += 1
        wake(session, "judge", verdict.id)
    return len(rows)


def pending(run_id: Any) -> Any:
    """SQL: whether a run has a verdict that may still be made."""
    return exists().where(Verdict.run_id == run_id, Verdict.result.is_(None), Verdict.asks < MOST_ASKS)
