"""The life of a job: the same ends for a checkpoint, a unit and a mitigation."""

import errno
import logging
from collections.abc import Callable
from threading import Event
from typing import Any, NamedTuple

import pytest
from sqlalchemy.exc import ProgrammingError

from analysis.errors import UnknownFormat
from app.db import Session
from app.errors import DiskFull, Overloaded
from app.models import Ping
from app.work import leases
from app.work.leases import LeaseLost
from tests.mitigations import ask, sent
from tests.service import Service, model
from workers.analyse import UNIT
from workers.check import CHECK
from workers.ingest.task import INGEST, ingest_checkpoint
from workers.job import Kind, hold_lease, persist, reason_of
from workers.mitigate import MITIGATION
from workers.prescribe import PRESCRIPTION


class Given(NamedTuple):
    service: Service
    kind: Kind[Any]
    rejected: str  # the state

    def claim(self) -> int:
        with self.service.everything.writing() as session:
            work = leases.claim(session, self.kind.table, 1, 30.0)
            assert work is not None
            return int(work.claim)

    def row(self) -> Any:
        with self.service.everything.reading() as session:
            return session.get_one(self.kind.table, 1)

    def live(self, end: Callable[[], None], limit: int = 7200, stop: Event | None = None) -> None:
        """A life of the job that ends so."""
        settings = self.service.settings.model_copy(update={"attempts": 2, "unit_limit_seconds": limit})
        with hold_lease(self.service.everything, settings, self.kind, 1, self.claim(), stop):
            end()


def a_checkpoint(service: Service) -> None:
    service.upload(model())


def a_unit(service: Service) -> None:
    service.upload(model())
    service.run(1)
    ingest_checkpoint(service.everything, service.storage, service.settings, 1)


def a_mitigation(service: Service) -> None:
    ask(sent(service))


@pytest.fixture(
    params=[
        (a_checkpoint, INGEST, "rejected"), (a_unit, UNIT, "cancelled"), (a_mitigation, MITIGATION, "failed")
    ],
    ids=lambda param: param[1].table.__name__,
)  # fmt: skip
def given(request: pytest.FixtureRequest, service: Service) -> Given:
    prepare, kind, rejected = request.param
    prepare(service)
    service.workers.sent.clear()
    return Given(service, kind, rejected)


def raising(error: BaseException) -> Callable[[], None]:
    def end() -> None:
        raise error

    return end


def test_a_job_that_ends_well_is_left_as_its_task_left_it(given: Given) -> None:
    given.live(lambda: None)
    assert given.row().state == given.kind.table.HELD


def test_a_worker_that_is_told_to_stop_gives_it_back_as_if_nobody_had_tried(given: Given) -> None:
    with pytest.raises(SystemExit):
        given.live(raising(SystemExit()))
    row = given.row()
    assert (row.state, row.attempts, row.lease_until) == (given.kind.table.WAITING, 0, None)
    assert given.service.workers.sent == [(given.kind.table.TASK, 1)], "another worker is woken at once"


@pytest.mark.parametrize("error", [ProgrammingError("SELECT 1", {}, ValueError("in use")), OSError(errno.EIO, "gone")])
def test_a_stop_is_heard_though_what_it_interrupted_ends_in_an_error(given: Given, error: Exception) -> None:
    def end() -> None:
        with given.service.everything.reading():
            try:
                raise SystemExit
            finally:
                raise error

    with pytest.raises(SystemExit):
        given.live(end)
    assert (given.row().state, given.row().attempts) == (given.kind.table.WAITING, 0)


def test_a_full_disk_ends_it_with_its_code(given: Given) -> None:
    given.live(raising(DiskFull("No room.")))
    row = given.row()
    assert row.state == given.rejected
    if given.kind is UNIT:  # the run has the reason
        assert given.service.get("/api/v1/runs/1")["reason"] == {"code": "disk-full", "message": "No room."}
    else:
        assert (row.reason_code, row.reason) == ("disk-full", "No room.")


def test_an_attempt_that_failed_is_repeated_and_the_last_one_is_the_end(given: Given) -> None:
    given.live(raising(OSError(errno.EIO, "Input/output error", "/secret/path")))
    assert (given.row().state, given.row().attempts) == (given.kind.table.WAITING, 1)
    assert given.service.workers.sent == [], "the sweeper sends it, after a pause"
    given.live(raising(MemoryError()))
    assert given.row().state not in (given.kind.table.WAITING, given.kind.table.HELD)
    assert given.row().reason == "MemoryError: no details are available (2 attempts)"


@pytest.mark.parametrize("error", [DiskFull("No room."), ValueError("broken"), LeaseLost("gone")])
def test_what_another_has_is_left_alone_and_logged_alike(
    given: Given, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def taken_over() -> None:
        with given.service.everything.writing() as session:
            session.get_one(given.kind.table, 1).claim += 1
        raise error

    caplog.set_level(logging.INFO)
    given.live(taken_over)
    row = given.row()
    assert (row.state, row.claim, row.reason) == (given.kind.table.HELD, 2, None)
    assert sum(record.getMessage().startswith("stopped: ") for record in caplog.records) == 1


def test_the_kinds_are_all_there_are() -> None:
    kinds: tuple[Kind[Any], ...] = (INGEST, UNIT, MITIGATION, PRESCRIPTION, CHECK)
    assert {kind.table for kind in kinds} == set(leases.KINDS)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnknownFormat("a.bin is not a checkpoint", "unknown-format"), "a.bin is not a checkpoint"),
        (OSError(errno.ENOSPC, "No space left on device", "/secret"), "OSError: No space left on device"),
        (OSError("the disk hiccups"), "OSError: the disk hiccups"),
        (ValueError(), "ValueError: no details are available"),
    ],
)
def test_a_reason_says_what_went_wrong_without_paths(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_job_that_reaches_its_time_limit_uses_up_an_attempt(given: Given) -> None:
    """Celery ends the process with the same signal as a person does: only the time tells them apart."""
    for attempt in (1, 2):
        assert given.row().state == given.kind.table.WAITING
        with pytest.raises(SystemExit):
            given.live(raising(SystemExit()), limit=0)
        assert given.row().attempts == attempt
    assert given.row().state not in (given.kind.table.WAITING, given.kind.table.HELD)


def test_a_write_is_tried_again_while_the_database_is_away(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.job.RETRY_SECONDS", 0.0)
    faults = [Overloaded("away"), Overloaded("away")]

    def write(session: Session) -> int:
        if faults:
            raise faults.pop()
        session.add(Ping())
        session.flush()
        return session.query(Ping).count()

    assert persist(service.everything, service.settings, write) == 1
    settings = service.settings.model_copy(update={"unit_limit_seconds": 0})
    with pytest.raises(Overloaded):
        persist(service.everything, settings, lambda _: raising(Overloaded("away for good"))())


def test_a_job_in_a_thread_is_told_when_its_time_is_up_and_uses_up_an_attempt(given: Given) -> None:
    stop = Event()

    def end() -> None:
        assert stop.wait(30)
        raise SystemExit

    with pytest.raises(SystemExit):
        given.live(end, limit=1, stop=stop)
    assert (given.row().state, given.row().attempts) == (given.kind.table.WAITING, 1)


def test_a_job_in_a_thread_is_told_when_its_lease_is_lost(given: Given) -> None:
    stop = Event()

    def end() -> None:
        with given.service.everything.writing() as session:
            session.get_one(given.kind.table, 1).claim += 1
        assert stop.wait(30)
        raise SystemExit

    with pytest.raises(SystemExit):
        given.live(end, stop=stop)
    assert (given.row().state, given.row().claim) == (given.kind.table.HELD, 2)
