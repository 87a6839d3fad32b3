"""Units of work: a run's tensors in portions, each held by one worker at a time, each ending in some way."""

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from app.db import clock, now, tell
from app.models import Member, Run, Unit
from app.settings import Settings
from app.states import OPEN_UNITS, RunState, UnitState
from app.work import leases


def claim(session: Session, settings: Settings, identity: int, device: str) -> Unit | None:
    """The unit under a new lease, or None: it is done, another's, or its run was stopped."""
    unit = leases.claim(session, Unit, identity, settings.lease_seconds)
    if unit is not None:
        run = session.get_one(Run, unit.run_id)
        run.device = run.device or device
        run.started_at = run.started_at or clock(session)
    return unit


def next_of(session: Session, run_id: int) -> int | None:
    """A unit of the run that nobody has tried yet, to be claimed at once; None where there is none."""
    query = select(Unit.id).where(Unit.run_id == run_id, Unit.state == UnitState.QUEUED, Unit.attempts == 0)
    return session.scalar(query.order_by(Unit.id).limit(1).with_for_update(skip_locked=True))


def advance(session: Session, unit: Unit, count: int = 1) -> None:
    """So many more tensors have their rows: that is progress, so the attempts start anew."""
    unit.done += count
    unit.attempts = 1
    unit.current = None


def finish(session: Session, identity: int, claim: int) -> None:
    """Every tensor of the unit has its rows. Raises LeaseLost."""
    unit = leases.lock_held(session, Unit, identity, claim)
    run = lock_run(session, unit.run_id)
    unit.state, unit.lease_until, unit.current = UnitState.DONE, None, None
    settle(session, run)


def fail(session: Session, settings: Settings, unit: Unit, reason: str) -> None:
    """An attempt failed: the unit is offered again, or given up when that was the last attempt."""
    if unit.attempts < settings.attempts:
        unit.reason = reason
        leases.offer(session, unit, later=True)
    else:
        give_up(session, unit, f"{reason} ({unit.attempts} attempts)")


def reject(session: Session, identity: int, claim: int, code: str, reason: str) -> None:
    """Ends the unit's run: no other attempt, and no other worker, can do better. Raises LeaseLost."""
    unit = session.get(Unit, identity, populate_existing=True)
    if unit is None or unit.state != Unit.HELD or unit.claim != claim:
        raise leases.LeaseLost(f"Unit {identity}, claim {claim}")
    lock_open(session, unit.run_id)
    run = lock_run(session, unit.run_id)
    if run.state == RunState.RUNNING:
        close(session, run, RunState.FAILED, code, reason)


def give_up(session: Session, unit: Unit, reason: str) -> None:
    """The current tensor cannot be measured. What comes after it in the unit becomes a unit of its own."""
    run = lock_run(session, unit.run_id)
    end = unit.done + 1
    if rest := unit.tensors[end:]:
        leases.offer(session, Unit(run_id=run.id, member=unit.member, tensors=rest, costs=unit.costs[end:]))
    unit.tensors, unit.costs = unit.tensors[:end], unit.costs[:end]
    unit.state, unit.lease_until, unit.current, unit.reason = UnitState.FAILED, None, None, reason
    settle(session, run)


def lock_run(session: Session, run_id: int) -> Run:
    """The run, locked, so that of two units that end at the same time one sees the other.

    Locks are taken in one order everywhere, units before their run, so that nobody waits in a circle. The lock is the
    one of an update that leaves the id alone (PostgreSQL's FOR NO KEY UPDATE): every worker whose rows refer to the
    run holds a weak lock on it until its commit, and with FOR UPDATE two that end units at once wait for each other.
    """
    return session.get_one(Run, run_id, with_for_update={"key_share": True}, populate_existing=True)


def lock_open(session: Session, run_id: int) -> None:
    """Locks every open unit of the run."""
    query = select(Unit.id).where(Unit.run_id == run_id, Unit.state.in_(OPEN_UNITS)).order_by(Unit.id)
    session.execute(query.with_for_update())


def settle(session: Session, run: Run) -> None:
    """Ends a running run when no unit of it is open."""
    session.flush()
    states = set(session.scalars(select(Unit.state).where(Unit.run_id == run.id).distinct()))
    if run.state != RunState.RUNNING or states.intersection(OPEN_UNITS):
        return
    run.state, run.finished_at = RunState.DONE, clock(session)
    tell(session)
    if UnitState.FAILED in states:
        _note_lost(session, run)
    if states == {UnitState.FAILED} and not session.scalar(
        select(exists().where(Unit.run_id == run.id, Unit.done > 0))
    ):
        run.state, run.reason_code = RunState.FAILED, "nothing-measured"
        run.reason = session.scalar(select(Unit.reason).where(Unit.run_id == run.id).order_by(Unit.id).limit(1))


def _note_lost(session: Session, run: Run) -> None:
    """That a run is done and not complete: units failed, each with one tensor that was not measured."""
    failed = list(session.scalars(select(Unit).where(Unit.run_id == run.id, Unit.state == UnitState.FAILED)))
    count = sum(len(unit.tensors) - unit.done for unit in failed)
    run.reason_code = "incomplete"
    noun = "tensor was" if count == 1 else "tensors were"
    run.reason = f"{count} {noun} not measured. First reason: {failed[0].reason}"


def close(session: Session, run: Run, state: RunState, code: str, reason: str) -> None:
    """Ends a run before its time; units in hand are lost to their workers from now on."""
    run.state, run.reason_code, run.reason, run.finished_at = state, code, reason, clock(session)
    tell(session)
    session.execute(
        update(Unit)
        .where(Unit.run_id == run.id, Unit.state.in_(OPEN_UNITS))
        .values(state=UnitState.CANCELLED, lease_until=None, current=None)
    )


def waiting_for(session: Session, checkpoint_id: int) -> list[Run]:
    """The runs that cannot start before this checkpoint is ready, locked."""
    query = select(Run).join(Member).where(Member.checkpoint_id == checkpoint_id, Run.state == RunState.WAITING)
    return list(session.scalars(query.order_by(Run.id).with_for_update(of=Run)).unique())


def runs_without_units(session: Session) -> list[int]:
    """Running runs without an open unit: there should be none."""
    open_unit = exists().where(Unit.run_id == Run.id, Unit.state.in_(OPEN_UNITS))
    return list(
        session.scalars(select(Run.id).where(Run.state == RunState.RUNNING, ~open_unit, Run.created_at < now()))
    )
