"""The sweeper: whatever falls through is found."""

import time

import pytest
from sqlalchemy import update

from app import checkpoints
from app.db import Session
from app.models import Checkpoint, Ping, Unit
from app.work import leases, units
from tests.service import Service, model
from workers.sweeper import Sweeper, sweep, tidy


def test_what_a_dead_worker_held_is_done_by_the_next(service: Service) -> None:
    service.upload(model())
    service.run(1)
    with service.database.writing() as session:
        assert checkpoints.claim(session, service.settings, 1) is not None
    service.workers.sent.clear()
    _expire(service)
    _sweep(service)
    service.work()
    assert service.get("/api/v1/checkpoints/1")["state"] == "ready"
    assert service.get("/api/v1/runs/1")["state"] == "done"


def test_three_deaths_over_one_tensor_cost_that_tensor_only(service: Service) -> None:
    service.upload(model())
    service.run(1)
    _ingest(service)
    for _ in range(3):
        with service.database.writing() as session:
            unit = units.claim(session, service.settings, 1, "cpu")
            assert unit is not None
            unit.current = "Word embedding"
        _expire(service)
        _sweep(service)
    service.work()
    _sweep(service)
    service.work()
    report = service.get("/api/v1/runs/1/report")
    assert service.get("/api/v1/runs/1")["state"] == "done"
    assert report["coverage"]["analysed"] == 4
    (reason,) = [each["reason"] for each in report["coverage"]["skipped"] if each["tensor"].endswith("tokens.weight")]
    assert reason == "The worker stopped responding over Word embedding (3 attempts)"


def test_a_message_that_was_lost_is_sent_again(service: Service) -> None:
    service.upload(model())
    service.workers.sent.clear()
    with service.database.writing() as session:
        session.execute(update(Checkpoint).values(sent_at=Checkpoint.sent_at - 10))
    for _ in range(2):
        with service.database.writing() as session:
            sweep(session, service.settings)
    assert service.workers.sent == [("ingest", 1)]


def test_a_run_without_open_units_is_ended(service: Service) -> None:
    service.upload(model())
    service.run(1)
    _ingest(service)
    with service.database.writing() as session:
        session.execute(update(Unit).values(state="done"))
    _sweep(service)
    assert service.get("/api/v1/runs/1")["state"] == "done"


def test_old_pings_are_forgotten(service: Service) -> None:
    with service.database.writing() as session:
        session.add_all([Ping(sent_at=0.0), Ping()])
    _sweep(service)
    with service.database.reading() as session:
        assert session.query(Ping).count() == 1


def test_tidying_removes_bytes_without_a_use(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        checkpoints.delete(session, 1)
    tidy(service.database, service.storage)
    assert [path for path in service.storage.blobs.rglob("*") if path.is_file()] == []


def test_the_thread_sweeps_until_it_is_stopped(service: Service) -> None:
    settings = service.settings.model_copy(update={"sweep_seconds": 0.05})
    with service.database.writing() as session:
        session.add(Ping(sent_at=0.0))
    sweeper = Sweeper(service.everything, service.storage, settings)
    sweeper.start()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with service.database.reading() as session:
            if session.query(Ping).count() == 0:
                break
    sweeper.stop()
    sweeper.join(5)
    assert not sweeper.is_alive()
    assert time.monotonic() < deadline


def _ingest(service: Service) -> None:
    from workers.ingest.task import ingest_checkpoint

    ingest_checkpoint(service.database, service.storage, service.settings, 1)
    service.workers.sent.clear()


def _expire(service: Service) -> None:
    with service.database.writing() as session:
        for kind in leases.KINDS:
            session.execute(update(kind).where(kind.state == kind.HELD).values(lease_until=1.0))


def _sweep(service: Service) -> None:
    """Sweeps as if a while had passed since the last messages."""
    with service.database.writing() as session:
        sweep(session, service.settings)
    with service.database.writing() as session:
        for kind in leases.KINDS:
            session.execute(update(kind).values(sent_at=kind.sent_at - 60, resend_at=kind.resend_at - 60))
    with service.database.writing() as session:
        sweep(session, service.settings)


def test_after_the_database_was_away_no_lease_ends_at_once(service: Service) -> None:
    """Workers that are well could not renew theirs either."""
    service.upload(model())
    with service.database.writing() as session:
        assert checkpoints.claim(session, service.settings, 1) is not None
    _expire(service)
    sweeper = Sweeper(service.everything, service.storage, service.settings)
    sweeper._failed_at = time.monotonic()
    sweeper._sweep()
    assert service.get("/api/v1/checkpoints/1")["state"] == "ingesting"
    sweeper._failed_at = time.monotonic() - service.settings.lease_seconds - 1
    sweeper._sweep()
    assert service.get("/api/v1/checkpoints/1")["state"] == "received"


class Clock:
    """In place of the module `time`."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now


def test_a_lease_that_ran_out_while_the_database_hung_stays(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep waited for the database too, so it knows that nobody could renew a lease."""
    service.upload(model())
    with service.database.writing() as session:
        assert checkpoints.claim(session, service.settings, 1) is not None
    _expire(service)
    clock = Clock()
    monkeypatch.setattr("workers.sweeper.time", clock)
    sweeper = Sweeper(service.everything, service.storage, service.settings)

    def hang(session: Session, seconds: float) -> None:
        clock.now += 0.7 * service.settings.lease_seconds

    with monkeypatch.context() as changed:
        changed.setattr(leases, "bound", hang)
        sweeper._sweep()
    assert service.get("/api/v1/checkpoints/1")["state"] == "ingesting"
    sweeper._sweep()
    assert service.get("/api/v1/checkpoints/1")["state"] == "ingesting", "workers have the time of a lease to renew it"
    clock.now += 1.1 * service.settings.lease_seconds
    sweeper._ended_at = clock.now
    sweeper._sweep()
    assert service.get("/api/v1/checkpoints/1")["state"] == "received"


def test_where_the_database_is_always_slow_messages_are_sent_and_leases_end_after_a_while(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.upload(model())
    service.upload(model())
    with service.database.writing() as session:
        assert checkpoints.claim(session, service.settings, 1) is not None
        session.execute(update(Checkpoint).where(Checkpoint.id == 2).values(sent_at=0.0, resend_at=0.0))
    _expire(service)
    service.workers.sent.clear()
    clock = Clock()
    monkeypatch.setattr("workers.sweeper.time", clock)
    monkeypatch.setattr(leases, "bound", lambda *_: setattr(clock, "now", clock.now + 1000.0))
    sweeper = Sweeper(service.everything, service.storage, service.settings)
    for number in range(4):
        assert service.get("/api/v1/checkpoints/1")["state"] == "ingesting"
        sweeper._sweep()
        assert (number > 0) or service.workers.sent == [("ingest", 2)]
        clock.now += 1.1 * service.settings.lease_seconds
        sweeper._ended_at = clock.now
    assert service.get("/api/v1/checkpoints/1")["state"] == "received"


def test_a_sweeper_that_was_stopped_for_a_while_ends_no_lease_at_once(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        assert checkpoints.claim(session, service.settings, 1) is not None
    _expire(service)
    sweeper = Sweeper(service.everything, service.storage, service.settings)
    sweeper._ended_at = time.monotonic() - service.settings.sweep_seconds - service.settings.lease_seconds
    sweeper._sweep()
    assert service.get("/api/v1/checkpoints/1")["state"] == "ingesting"
