"""Runs: diagnostics asked of an ordered list of checkpoints, followed, stopped, deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.diagnostics import check_scopes
from analysis.diagnostics import requests as requests_of
from analysis.facts import series_steps
from app import checkpoints, retention, trash
from app.access import audit, quotas
from app.db import clock
from app.errors import BadRequest, Conflict, NotFound
from app.models import Member, Run, Unit, newest
from app.runs.plans import plan
from app.states import ENDED, OPEN_RUNS, OPEN_UNITS, CheckpointState, RunState
from app.webhooks import deliveries
from app.work import units

MOST_CHECKPOINTS = 16


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: tensors done out of those to analyse, the current tensor, and the time left."""

    state: RunState
    done: int
    total: int
    current: str | None  # label of the current tensor
    eta_seconds: float | None  # None before the first tensor is done, and after the last


def request(
    session: Session, checkpoint_ids: Sequence[int], diagnostics: Mapping[str, Mapping[str, object]] | None = None
) -> Run:
    """A run over these checkpoints, started as soon as all of them are ready; of several, the first is the base.

    Raises OptionError, and WrongBase where what is ready already cannot be compared, among others.
    """
    if not 1 <= len(checkpoint_ids) <= MOST_CHECKPOINTS or len(set(checkpoint_ids)) < len(checkpoint_ids):
        raise BadRequest(f"A run takes 1 to {MOST_CHECKPOINTS} different checkpoints.")
    if diagnostics is not None and not diagnostics:
        raise BadRequest("Choose at least one diagnostic.")
    requests = requests_of(diagnostics, len(checkpoint_ids))
    check_scopes(requests, len(checkpoint_ids))
    rows_by_id = {identity: checkpoints.hold(session, identity, shared=True) for identity in sorted(checkpoint_ids)}
    rows = [rows_by_id[identity] for identity in checkpoint_ids]
    for checkpoint in rows:
        if checkpoint.state == CheckpointState.REJECTED:
            raise Conflict(f"Checkpoint {checkpoint.id} was rejected: {checkpoint.reason}")
        if checkpoint.trashed_at is not None:
            raise Conflict(f"Checkpoint {checkpoint.id} is in the trash. Restore it first.")
        retention.require_weights(checkpoint)
    quotas.check(session, runs=1)
    members = [Member(position=position, checkpoint=checkpoint) for position, checkpoint in enumerate(rows)]
    settings = {each.diagnostic.name: dict(each.options) for each in requests}
    run = Run(state=RunState.WAITING, diagnostics=settings, members=members)
    session.add(run)
    session.flush()
    session.refresh(run)
    deliveries.expect(session, run)
    if all(checkpoint.state == CheckpointState.READY for checkpoint in rows):
        plan(session, run)
    audit.note(session, "run.request", f"run {run.id}", {"checkpoints": list(checkpoint_ids)})
    return run


def listing(session: Session, limit: int = 100, before: int | None = None) -> Sequence[Run]:
    """The newest first; where an id is given, those made before it."""
    return newest(session, Run, limit, before, Run.trashed_at.is_(None), Run.archived_at.is_(None))


def runs_over(session: Session, checkpoint_id: int) -> Sequence[Run]:
    """The runs over a checkpoint, the newest first."""
    query = select(Run).where(Run.members.any(Member.checkpoint_id == checkpoint_id), Run.trashed_at.is_(None))
    return session.scalars(query.order_by(Run.id.desc())).all()


def open_over(session: Session, checkpoint_ids: Sequence[int]) -> dict[int, RunState]:
    """The state of a run that goes on over each of these checkpoints, where there is one."""
    query = select(Member.checkpoint_id, Run.state).join(Run, Run.id == Member.run_id)
    query = query.where(Member.checkpoint_id.in_(checkpoint_ids), Run.state.in_(OPEN_RUNS)).order_by(Run.id)
    return {row.checkpoint_id: RunState(row.state) for row in session.execute(query)}


def find(session: Session, identity: int) -> Run | None:
    return session.get(Run, identity)


def get(session: Session, identity: int) -> Run:
    run = find(session, identity)
    if run is None:
        raise NotFound(f"Run {identity} does not exist.")
    return run


def steps(run: Run) -> dict[int, float]:
    """The training step of each tuned checkpoint, by its place in the run; of none where they are no series."""
    tuned = run.members[1:]
    found = series_steps([member.checkpoint.known for member in tuned])
    return {} if found is None else {member.position: step for member, step in zip(tuned, found, strict=True)}


def progress(session: Session, run: Run) -> Progress:
    """How far the run has come, from its units."""
    unit_rows = session.scalars(select(Unit).where(Unit.run_id == run.id).order_by(Unit.id)).all()
    done_count = sum(unit.done for unit in unit_rows)
    total = sum(len(unit.tensors) for unit in unit_rows)
    current = next((unit.current for unit in unit_rows if unit.current), None)
    return Progress(run.state, done_count, total, current, _eta(session, run, unit_rows))


def _eta(session: Session, run: Run, units: Sequence[Unit]) -> float | None:
    """Seconds left, at the speed so far, by predicted cost."""
    if run.state != RunState.RUNNING or run.started_at is None:
        return None
    cost_done = sum(cost for unit in units for cost in unit.costs[: unit.done])
    cost_left = sum(cost for unit in units if unit.state in OPEN_UNITS for cost in unit.costs[unit.done :])
    seconds = clock(session) - run.started_at
    return None if cost_done == 0.0 else round(max(seconds, 0.0) * cost_left / cost_done, 1)


def cancel(session: Session, identity: int) -> Run:
    """Stops a run: workers stop after the current tensor, whose rows are not kept. Ended runs stay as they are."""
    get(session, identity)
    units.lock_open(session, identity)
    run = units.lock_run(session, identity)
    if run.state not in ENDED:
        units.close(session, run, RunState.CANCELLED, "cancelled", "The run was cancelled.")
        audit.note(session, "run.cancel", f"run {identity}")
    return run


def delete(session: Session, identity: int) -> None:
    """Deletes the run with everything that it found."""
    get(session, identity)
    trash.delete_run(session, identity)
