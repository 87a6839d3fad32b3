"""Checks of a run's weights with WeightWatcher: asked for, and found again."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import retention
from app.access import audit
from app.errors import BadRequest, Conflict, NotFound
from app.models import Check, Result
from app.runs import runs
from app.runs.reports import group_text
from app.states import OPEN_CHECKS
from app.work import leases

MOST_OPEN = 20  # that wait or are being made at once


def request(session: Session, run_id: int, weight: str, position: int = 0) -> Check:
    """A check of the weight of the checkpoint at this place, offered to a worker; one that goes on already is that one.

    Raises NotFound where the run has no such weight, BadRequest for an adapter, Conflict where the weights are not
    ready or too many checks wait, and WeightsDeleted.
    """
    run = runs.get(session, run_id)
    if position >= len(run.members):
        raise NotFound(f"Run {run_id} has no checkpoint at position {position}.")
    checkpoint = run.members[position].checkpoint
    if checkpoint.kind == "adapter":
        raise BadRequest("An adapter has no weights of its own to check: choose a whole model.")
    retention.require_ready(checkpoint)
    tensor = find_tensor(session, run_id, weight, position)
    going_on = select(Check).where(Check.run_id == run_id, Check.position == position, Check.weight == weight)
    found = session.scalar(going_on.where(Check.state.in_(OPEN_CHECKS)))
    if found is not None:
        return found
    if (session.scalar(select(func.count(Check.id)).where(Check.state.in_(OPEN_CHECKS))) or 0) >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} checks wait already. Try again when some are done.")
    row = Check(run_id=run_id, position=position, weight=weight, tensor=tensor, columns=[])
    leases.offer(session, row)
    session.refresh(row)
    audit.note(session, "check.request", f"check {row.id} of run {run_id}")
    return row


def find_tensor(session: Session, run_id: int, weight: str, position: int) -> str:
    """The tensor that holds the weight. Raises NotFound."""
    query = select(Result).where(Result.run_id == run_id, Result.group == group_text((position,)))
    row = next((row for row in session.scalars(query) if row.info["name"] == weight), None)
    if row is None:
        raise NotFound(f"Run {run_id} has no measurement of that weight by itself.")
    return str(row.info["tensor"])


def listing(session: Session, run_id: int) -> Sequence[Check]:
    """Those of a run, the newest first."""
    runs.get(session, run_id)
    return session.scalars(select(Check).where(Check.run_id == run_id).order_by(Check.id.desc()).limit(1000)).all()


def latest(session: Session, run_id: int, weight: str, position: int) -> Check | None:
    """The newest of a weight."""
    query = select(Check).where(Check.run_id == run_id, Check.position == position, Check.weight == weight)
    return session.scalar(query.order_by(Check.id.desc()).limit(1))
