"""Lists of rows, the newest first, in pages that no new row moves."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Checkpoint, Mitigation, Run

T = TypeVar("T", Checkpoint, Mitigation, Run)


def newest(session: Session, kind: type[T], limit: int, before: int | None = None) -> Sequence[T]:
    """At most so many rows, of those made before the one with this id."""
    query = select(kind).order_by(kind.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(kind.id < before)).all()
