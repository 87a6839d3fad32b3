"""The trash: what was deleted on a page can be restored for some days, and then goes for good.

Without torch, so that the sweeper may empty it.
"""

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access import audit
from app.db import clock
from app.models import Checkpoint, Run
from app.settings import Settings
from app.work import units

DAY = 86_400.0  # seconds
AT_ONCE = 100


def deletion_time(settings: Settings, row: Checkpoint | Run) -> float | None:
    """When what is in the trash goes for good, in seconds since 1970; None where it is not there."""
    return None if row.trashed_at is None else row.trashed_at + settings.trash_days * DAY


def due(session: Session, settings: Settings, kind: type[Checkpoint] | type[Run]) -> list[int]:
    """Those that have been in the trash for long enough, oldest first."""
    limit = clock(session) - settings.trash_days * DAY
    query = select(kind.id).where(kind.trashed_at <= limit).order_by(kind.trashed_at).limit(AT_ONCE)
    return list(session.scalars(query))


def delete_run(session: Session, run_id: int) -> None:
    """Deletes the run with everything that it found."""
    units.lock_open(session, run_id)
    session.execute(sql_delete(Run).where(Run.id == run_id))
    audit.note(session, "run.delete", f"run {run_id}")
