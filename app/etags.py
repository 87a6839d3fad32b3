"""Editions: a short name for what a reader sees of a run or a checkpoint, told from a few rows without making it.

It changes whenever the answer could: with a row, a state, a name or a fact of a checkpoint, and with the program.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, bindparam, func, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Checkpoint, Member, Mitigation, Overview, Prescription, Result, Run, Source, Unit, Verdict
from app.states import ENDED, OPEN_CHECKPOINTS

SOURCES = ("analysis", "app", "frontend")  # what makes an answer out of rows


@dataclass(frozen=True, slots=True)
class Version:
    """`name` is of 128 bits. `final`: nothing will change it but names, facts and deletion."""

    name: str
    final: bool
    ended_at: float | None = None
    checkpoints: int = 1
    tensors: int = 0  # of all checkpoints


SEEN = (
    select(
        Run.id, Run.state, Run.reason_code, Run.finished_at, Checkpoint.id, Checkpoint.name, Checkpoint.state,
        Checkpoint.facts, Checkpoint.stated, Run.name, Run.tags, Run.notes, Run.archived_at, Run.trashed_at,
        Checkpoint.tensors,
    )
    .join(Member, Member.run_id == Run.id)
    .join(Checkpoint, Checkpoint.id == Member.checkpoint_id)
    .where(Run.id == bindparam("run"))
    .order_by(Member.position)
)  # fmt: skip


def of_run(session: Session, identity: int) -> Version:
    """Of a report, and of every table, curve and figure of it. Raises NotFound."""
    rows = [tuple(row) for row in session.execute(SEEN, {"run": identity})]
    if not rows:
        raise NotFound(f"Run {identity} does not exist.")
    _, state, _, finished_at, *_ = rows[0]
    final = state in ENDED
    growth = None if final else _growth_of(session, identity)
    tensors = sum(row[-1] or 0 for row in rows)
    return Version(_name("run", rows, growth), final, finished_at, len(rows), tensors)


def of_page(session: Session, identity: int) -> Version:
    """Of a run's page, which also shows verdicts, prescriptions and mitigations. Raises NotFound."""
    run = of_run(session, identity)
    verdicts = select(Verdict.id, Verdict.judged_at).where(Verdict.run_id == identity).order_by(Verdict.id)
    columns = (Prescription.id, Prescription.state, Prescription.current)
    prescriptions = select(*columns).where(Prescription.run_id == identity).order_by(Prescription.id)
    queries: list[Executable] = [verdicts, prescriptions]
    if run.checkpoints > 1:  # else there is nothing to mitigate
        of_each = (Mitigation.id, Mitigation.state, Mitigation.current, Mitigation.checkpoint_id, Mitigation.run_id)
        own = select(Member.checkpoint_id).where(Member.run_id == identity)
        conditions = (Mitigation.base_id.in_(own), Mitigation.tuned_id.in_(own))
        queries.append(select(*of_each).where(*conditions).order_by(Mitigation.id))
    rows = [list(map(tuple, session.execute(query))) for query in queries]
    return replace(run, name=_name("page", run.name, rows)) if any(rows) else run


def _growth_of(session: Session, identity: int) -> list[Any]:
    """How far a run is whose rows still come: ids alone would not do, for they are not committed in their order."""
    rows = select(func.count(), func.max(Result.id)).where(Result.run_id == identity)
    units = select(Unit.state, func.count(), func.sum(Unit.done)).where(Unit.run_id == identity).group_by(Unit.state)
    return [list(session.execute(rows).one()), sorted(map(list, session.execute(units)))]


def of_checkpoint(session: Session, identity: int) -> Version:
    """Of a checkpoint's own answer, and of its list of tensors. Raises NotFound."""
    states = (Checkpoint.state, Checkpoint.claim, Checkpoint.pinned, Checkpoint.released_at)
    labels = (Checkpoint.tags, Checkpoint.notes, Checkpoint.archived_at, Checkpoint.trashed_at)
    query = select(Checkpoint.id, Checkpoint.name, Checkpoint.facts, Checkpoint.stated, *states, *labels).where(
        Checkpoint.id == identity
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"Checkpoint {identity} does not exist.")
    latest = session.scalar(select(func.max(Member.run_id)).where(Member.checkpoint_id == identity))
    told = select(Overview.run_id, Run.trashed_at).join(Run).where(Overview.checkpoint_id == identity)
    overviews = list(map(tuple, session.execute(told.order_by(Overview.run_id))))
    bytes_here = session.scalar(select(Source.fetched).where(Source.checkpoint_id == identity))
    return Version(
        _name("checkpoint", tuple(row), latest, overviews, bytes_here),
        row.state not in OPEN_CHECKPOINTS,
    )


def _name(*parts: object) -> str:
    text = json.dumps([program(), *parts], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def program() -> str:
    """A name for the program that makes the answers: the same on every machine that has the same sources."""
    root, digest = Path(__file__).parents[1], hashlib.blake2b(digest_size=16)
    sources = (path for part in SOURCES for path in (root / part).rglob("*") if path.suffix in (".py", ".html"))
    for path in sorted(sources):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
