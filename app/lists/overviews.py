"""The overviews behind the rows of a list: of a checkpoint those of its newest runs that have a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.models import Overview, Run


@dataclass(frozen=True, slots=True)
class Glance:
    """What is told of a checkpoint: the newest overview, the newest with an α, the newest that counted intruders."""

    newest: Overview | None = None
    alphas: Overview | None = None
    intruders: Overview | None = None


def newest(*conditions: Any) -> Any:
    """SQL: of each checkpoint the newest overview of a run outside the trash that meets the conditions."""
    ids = (
        select(Overview.checkpoint_id, func.max(Overview.run_id).label("run_id"))
        .join(Run, Run.id == Overview.run_id)
        .where(Run.trashed_at.is_(None), *conditions)
        .group_by(Overview.checkpoint_id)
        .subquery()
    )
    rows = (
        select(Overview)
        .join(ids, (ids.c.checkpoint_id == Overview.checkpoint_id) & (ids.c.run_id == Overview.run_id))
        .subquery()
    )
    return aliased(Overview, rows)


def glances(session: Session, checkpoint_ids: Sequence[int]) -> Mapping[int, Glance]:
    """For each of these checkpoints what its list tells."""
    own = Overview.checkpoint_id.in_(checkpoint_ids)
    parts = [
        {row.checkpoint_id: row for row in session.scalars(select(newest(own, *conditions)))}
        for conditions in ((), (Overview.median_alpha.is_not(None),), (Overview.intruders.is_not(None),))
    ]
    return {identity: Glance(*(part.get(identity) for part in parts)) for identity in checkpoint_ids}


def worst_of_runs(session: Session, run_ids: Sequence[int]) -> tuple[Mapping[int, Overview], Mapping[int, Overview]]:
    """For each of these runs the overview with the worst finding, and that of its first checkpoint."""
    worst: dict[int, Overview] = {}
    first: dict[int, Overview] = {}
    for row in of_runs(session, run_ids):
        first.setdefault(row.run_id, row)
        if row.run_id not in worst or row.severity > worst[row.run_id].severity:
            worst[row.run_id] = row
    return worst, first


def of_runs(session: Session, run_ids: Sequence[int]) -> Sequence[Overview]:
    """All of these runs, in order."""
    query = select(Overview).where(Overview.run_id.in_(run_ids))
    return session.scalars(query.order_by(Overview.run_id, Overview.position)).all()
