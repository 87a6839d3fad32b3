"""The heartbeat: a lease is renewed while the work lasts, and no longer."""

import threading
import time

from app.work.leases import LeaseLost
from workers.heartbeat import Heartbeat


def test_it_beats_three_times_a_lease_until_the_block_ends() -> None:
    beats: list[float] = []
    with Heartbeat(lambda: beats.append(time.monotonic()), 0.15):
        time.sleep(0.5)
    count = len(beats)
    assert 4 <= count <= 10
    time.sleep(0.2)
    assert len(beats) == count


def test_it_survives_a_database_that_is_away_for_a_moment() -> None:
    count = 0

    def renew() -> None:
        nonlocal count
        count += 1
        if count == 1:
            raise ConnectionError

    with Heartbeat(renew, 0.06):
        time.sleep(0.3)
    assert count > 1


def test_it_stops_when_the_lease_is_lost() -> None:
    beats = threading.Semaphore(0)

    def renew() -> None:
        beats.release()
        raise LeaseLost

    with Heartbeat(renew, 0.03):
        time.sleep(0.3)
    assert beats.acquire(blocking=False)
    assert not beats.acquire(blocking=False)
