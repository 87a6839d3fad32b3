"""Pings: the queue turns when a worker answers, and not before."""

import threading
import time

import anyio
import anyio.to_thread
import pytest

from app.models import Ping
from app.queue import pings
from app.queue.pings import HealthCheck, round_trip
from tests.service import Service


def answer(service: Service) -> None:
    while not service.workers.pings:
        time.sleep(0.01)
    with service.database.writing() as session:
        pings.answer(session, service.workers.pings.pop(), "here:1")


def test_an_answer_is_a_round_trip(service: Service) -> None:
    thread = threading.Thread(target=answer, args=(service,))
    thread.start()
    trip = round_trip(service.database, service.workers, 5)
    thread.join()
    assert trip.seconds is not None
    assert trip.seconds < 5
    assert (trip.worker, trip.fault) == ("here:1", None)


def test_no_answer_is_a_fault(service: Service) -> None:
    trip = round_trip(service.database, service.workers, 0.1)
    assert trip.seconds is None
    assert trip.fault == "no worker answered within 0.1 s"


def test_a_broker_that_is_away_is_a_fault(service: Service) -> None:
    def away(identity: int) -> None:
        raise ConnectionRefusedError

    service.workers.ping = away  # type: ignore[method-assign]
    fault = round_trip(service.database, service.workers, 5).fault
    assert fault == "the broker cannot be reached (ConnectionRefusedError)"


def test_one_round_trip_serves_everyone_who_asks(service: Service) -> None:
    pulse = HealthCheck(service.database, service.workers)
    threads = [threading.Thread(target=pulse.probe, args=(0.2,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(service.workers.pings) == 1


def test_a_hundred_who_ask_at_once_share_one_thread(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route of its own thread each would leave none for readers."""
    monkeypatch.setattr(pings.HealthCheck.probe, "__defaults__", (0.2,))
    pulse = HealthCheck(service.database, service.workers)

    async def ask() -> tuple[list[pings.RoundTrip], int]:
        answers: list[pings.RoundTrip] = []

        async def one() -> None:
            answers.append(await pulse.share())

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(one)
            await anyio.sleep(0.05)
            borrowed = anyio.to_thread.current_default_thread_limiter().borrowed_tokens
        return answers, int(borrowed)

    answers, borrowed = anyio.run(ask)
    assert len(answers) == 100
    assert len(service.workers.pings) == 1
    assert borrowed == 1


def test_who_asks_a_moment_later_needs_no_thread(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings, "KEPT", 60.0)
    pulse = HealthCheck(service.database, service.workers)
    first = pulse.probe(0.0)
    monkeypatch.setattr(pings, "run_sync", lambda call: pytest.fail("a thread"))
    assert anyio.run(pulse.share) is first


def test_old_pings_are_forgotten_and_need_no_answer(service: Service) -> None:
    with service.database.writing() as session:
        session.add_all([Ping(id=1, sent_at=0.0), Ping(id=2)])
        session.flush()
        pings.forget(session)
        pings.answer(session, 1, "here:1")
        assert [ping.id for ping in session.query(Ping)] == [2]


def test_a_database_that_hangs_keeps_nobody_for_long(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings, "LONGEST", 0.1)
    released = threading.Event()
    pulse = HealthCheck(service.database, service.workers)
    monkeypatch.setattr(pulse, "probe", lambda: released.wait(30))

    async def ask() -> pings.RoundTrip:
        try:
            return await pulse.share()
        finally:
            released.set()

    trip = anyio.run(ask)
    assert (trip.seconds, trip.fault) == (None, "the database or the broker did not answer within 0.1 s")
