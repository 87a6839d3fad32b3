"""The audit log: who did what to what, and when. Lines are only ever added, and go after a year."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db import now
from app.models import Event
from app.tenancy import actor_of, project_of

KEPT = 365 * 86_400.0  # seconds


def note(session: Session, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """One line, in the transaction that does what it speaks of. Actions are dotted: `token.create`."""
    actor, project = actor_of(session), project_of(session)
    session.add(Event(actor=actor, action=action, subject=subject, project_id=project, detail=dict(detail or {})))


def listing(
    session: Session, limit: int = 100, before: int | None = None, action: str | None = None
) -> Sequence[Event]:
    """The newest first, those below an id, or of one kind of action: `token` or `token.create`."""
    query = select(Event).order_by(Event.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Event.id < before)
    if action is not None:
        query = query.where((Event.action == action) | Event.action.startswith(f"{action}.", autoescape=True))
    return session.scalars(query).all()


def forget(session: Session) -> None:
    """Removes what is older than a year."""
    session.execute(delete(Event).where(Event.at < now() - KEPT))
