"""Units: three attempts, then the run goes on without the tensor that nobody survives."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Run, Unit
from app.states import RunState, UnitState
from app.work import leases, units
from tests.service import Service


@pytest.fixture
def session(service: Service) -> Iterator[Session]:
    with service.database.writing() as session:
        session.add(Run(id=1, state="running", diagnostics={}))
        session.flush()
        leases.offer(session, Unit(run_id=1, member=0, tensors=[4, 5, 6], costs=[1.0, 2.0, 3.0], done=0))
        yield session


def claimed(session: Session, service: Service) -> Unit:
    unit = units.claim(session, service.settings, 1, "cpu")
    assert unit is not None
    return unit


def test_the_first_claim_starts_the_run(session: Session, service: Service) -> None:
    claimed(session, service)
    run = session.get_one(Run, 1)
    assert run.device == "cpu"
    assert run.started_at is not None


def test_a_finished_unit_ends_the_run(session: Session, service: Service) -> None:
    unit = claimed(session, service)
    unit.current = "Block 1 · query"
    units.advance(session, unit)
    units.advance(session, unit, 2)
    assert unit.done == 3
    units.finish(session, 1, 1)
    assert session.get_one(Run, 1).state == "done"
    assert unit.current is None


def test_progress_starts_the_attempts_anew(session: Session, service: Service) -> None:
    for _ in range(2):
        units.fail(session, service.settings, claimed(session, service), "died")
    unit = claimed(session, service)
    assert unit.attempts == 3
    units.advance(session, unit)
    units.fail(session, service.settings, unit, "died")
    assert unit.state == "queued"


def test_the_third_failure_gives_up_the_tensor_and_keeps_the_rest(session: Session, service: Service) -> None:
    units.advance(session, claimed(session, service))
    for _ in range(3):
        unit = session.get_one(Unit, 1)
        if unit.state == "queued":
            unit = claimed(session, service)
        units.fail(session, service.settings, unit, "died")
    failed, rest = session.scalars(select(Unit).order_by(Unit.id)).all()
    assert (failed.state, failed.tensors, failed.done) == ("failed", [4, 5], 1)
    assert failed.reason == "died (3 attempts)"
    assert (rest.state, rest.tensors, rest.costs) == ("queued", [6], [3.0])
    assert session.get_one(Run, 1).state == "running"


def test_a_run_of_which_nothing_was_measured_has_failed(session: Session, service: Service) -> None:
    unit = claimed(session, service)
    unit.tensors, unit.costs = [4], [1.0]
    units.give_up(session, unit, "no memory")
    run = session.get_one(Run, 1)
    assert (run.state, run.reason_code, run.reason) == ("failed", "nothing-measured", "no memory")


def test_closing_a_run_takes_the_units_from_their_workers(session: Session, service: Service) -> None:
    claimed(session, service)
    run = units.lock_run(session, 1)
    units.close(session, run, RunState.CANCELLED, "cancelled", "stopped")
    session.expire_all()
    with pytest.raises(leases.LeaseLost):
        units.finish(session, 1, 1)
    assert session.get_one(Run, 1).state == "cancelled"


def test_a_run_that_nobody_ended_is_found(session: Session) -> None:
    assert units.runs_without_units(session) == []
    session.get_one(Unit, 1).state = UnitState.DONE
    session.flush()
    assert units.runs_without_units(session) == [1]
