"""The heartbeat: a lease is renewed while the work lasts, and no longer."""

import threading

import pytest

from app.work.leases import LeaseLost
from workers.heartbeat import Heartbeat

LONG = 30.0  # seconds to wait for what must happen


class Beats:
    """Counts the renewals; some of them fail."""

    def __init__(self, *failures: Exception) -> None:
        self.count, self._failures, self._beaten = 0, list(failures), threading.Semaphore(0)

    def renew(self) -> None:
        self.count += 1
        self._beaten.release()
        if self._failures:
            raise self._failures.pop(0)

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self._beaten.acquire(timeout=LONG), "no beat"


def test_it_beats_until_the_block_ends() -> None:
    beats = Beats()
    heartbeat = Heartbeat(beats.renew, 0.03)
    with heartbeat:
        beats.wait(3)
    assert not heartbeat._thread.is_alive(), "who does not live does not beat"


def test_it_beats_three_times_a_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout)
        return True

    heartbeat = Heartbeat(lambda: None, 30.0)
    monkeypatch.setattr(heartbeat._stopped, "wait", wait.__get__(heartbeat._stopped))
    heartbeat._beat()
    assert waited == [10.0]


def test_it_survives_a_database_that_is_away_for_a_moment() -> None:
    beats = Beats(ConnectionError())
    with Heartbeat(beats.renew, 0.03):
        beats.wait(2)


def test_it_stops_when_the_lease_is_lost() -> None:
    beats = Beats(LeaseLost())
    heartbeat = Heartbeat(beats.renew, 0.03)
    with heartbeat:
        beats.wait(1)
        heartbeat._thread.join(LONG)
        assert not heartbeat._thread.is_alive()
    assert beats.count == 1
