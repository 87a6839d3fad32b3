"""The heartbeat: a lease is renewed while the work lasts, and no longer."""

import threading
import time
from types import SimpleNamespace

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
    """And looks at the lease twice a second in between."""
    now, renewed, looked = 0.0, list[float](), list[float]()

    def wait(timeout: float) -> bool:
        nonlocal now
        now += timeout
        return now > 30

    def look() -> bool:
        looked.append(now)
        return True

    monkeypatch.setattr("workers.heartbeat.time", SimpleNamespace(monotonic=lambda: now))
    heartbeat = Heartbeat(lambda: renewed.append(now), 30.0, look)
    monkeypatch.setattr(heartbeat._stopped, "wait", wait)
    heartbeat._beat()
    assert renewed == [10.0, 20.0, 30.0]
    assert looked[:3] == [0.5, 1.0, 1.5]


def test_a_renewal_that_failed_is_tried_again_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, tried = 0.0, list[float]()

    def wait(timeout: float) -> bool:
        nonlocal now
        now += timeout
        return now > 15

    def renew() -> None:
        tried.append(now)
        raise ConnectionError

    monkeypatch.setattr("workers.heartbeat.time", SimpleNamespace(monotonic=lambda: now))
    heartbeat = Heartbeat(renew, 30.0)
    monkeypatch.setattr(heartbeat._stopped, "wait", wait)
    heartbeat._beat()
    assert tried[0] == 10.0
    assert tried[1] - tried[0] <= 1.5
    assert len(tried) >= 3


def test_work_that_was_cancelled_is_left_within_two_seconds() -> None:
    left = threading.Event()
    with Heartbeat(lambda: None, 30.0, lambda: False, left.set):
        began = time.monotonic()
        assert left.wait(LONG)
        assert time.monotonic() - began < 2.0


def test_work_that_ends_by_itself_is_not_left() -> None:
    left, looked = threading.Event(), threading.Event()

    def is_held() -> bool:
        looked.set()
        return False

    with Heartbeat(lambda: None, 30.0, is_held, left.set):
        assert looked.wait(LONG)
    assert not left.is_set()


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
