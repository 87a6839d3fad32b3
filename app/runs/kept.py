"""Results that a project keeps for later runs on the same tensors: bounded by a quota, gone when nobody uses them.

The rows of a run decide; what is here is only copied into them, and may go at any time.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.access import quotas
from app.db import Database, clock, insert_of
from app.models import KeptResult
from app.settings import Settings

DAY = 86_400.0  # seconds
MARKED = 3600.0  # seconds after which a use is written down again
AT_ONCE = 500  # keys in a statement
LEFT = 0.8  # of the quota, where it was passed
log = logging.getLogger(__name__)


class ProjectResults:
    """What one project keeps, as a Store of the analysis. Nothing is put: a worker does that with a tensor's rows."""

    def __init__(self, database: Database, project: int) -> None:
        self._database, self._project = database, project

    def get(self, keys: Collection[str]) -> Mapping[str, bytes]:
        """Those of the entries that are there; none where the database is away."""
        try:
            with self._database.reading() as session:
                return find(session, self._project, keys)
        except Exception:  # measuring goes on without
            log.warning("kept results could not be read", exc_info=True)
            return {}

    def put(self, entries: Mapping[str, bytes]) -> None:
        """Left to `keep`."""


def find(session: Session, project: int, keys: Collection[str]) -> dict[str, bytes]:
    """The project's entries of these keys."""
    found: dict[str, bytes] = {}
    for some in _portions(sorted(keys)):
        query = select(KeptResult.key, KeptResult.data)
        rows = session.execute(query.where(KeptResult.project_id == project, KeptResult.key.in_(some)))
        found |= {row.key: row.data for row in rows}
    return found


def keep(session: Session, settings: Settings, project: int, entries: Mapping[str, bytes]) -> None:
    """Keeps the entries, new or instead of those of the same keys. Two workers may keep the same ones at once."""
    if not settings.keep_results_days:
        return
    moment = clock(session)
    for some in _portions(sorted(entries)):  # in one order everywhere, so that nobody waits in a circle
        rows = [
            {"project_id": project, "key": key, "data": entries[key], "bytes": len(entries[key]), "used_at": moment}
            for key in some
        ]
        insert = insert_of(session)(KeptResult).values(rows)
        changed = {name: insert.excluded[name] for name in ("data", "bytes", "used_at")}
        session.execute(insert.on_conflict_do_update(index_elements=["project_id", "key"], set_=changed))


def mark(session: Session, project: int, keys: Collection[str]) -> None:
    """Says that these were used now."""
    moment = clock(session)
    for some in _portions(sorted(keys)):
        mine = (KeptResult.project_id == project, KeptResult.key.in_(some), KeptResult.used_at < moment - MARKED)
        session.execute(update(KeptResult).where(*mine).values(used_at=moment))


def forget(session: Session, settings: Settings) -> None:
    """Removes what nobody used for long, and what passes a project's quota, least used first."""
    limit = clock(session) - settings.keep_results_days * DAY
    session.execute(delete(KeptResult).where(KeptResult.used_at < limit))
    sizes = select(KeptResult.project_id, func.sum(KeptResult.bytes)).group_by(KeptResult.project_id)
    for project, size in session.execute(sizes).all():
        most = quotas.limit_of(session, settings, project).results
        if size > most:
            _shrink(session, project, size - int(LEFT * most))


def _shrink(session: Session, project: int, surplus: int) -> None:
    query = select(KeptResult.key, KeptResult.bytes).where(KeptResult.project_id == project)
    going = []
    for key, size in session.execute(query.order_by(KeptResult.used_at, KeptResult.key)):
        if surplus <= 0:
            break
        going.append(key)
        surplus -= size
    for some in _portions(going):
        session.execute(delete(KeptResult).where(KeptResult.project_id == project, KeptResult.key.in_(some)))


def _portions(keys: Iterable[str]) -> Iterator[Sequence[str]]:
    rest = iter(keys)
    while some := list(islice(rest, AT_ONCE)):
        yield some
