"""The end of a run is heard of at once, by those who wait for it and nobody else."""

import threading
import time

import pytest

from app.models import Run
from app.runs import ends as module
from app.runs.ends import Ends
from app.states import RunState
from tests.service import Service, model

SOON = 5.0  # seconds in which a busy machine gets round to it; nothing else would tell before


@pytest.fixture
def waiting(service: Service) -> Service:
    """Two runs that are under way."""
    service.upload(model())
    for _ in range(2):
        service.run(1)
    return service


def end(service: Service, run: int) -> None:
    with service.everything.writing() as session:
        session.get_one(Run, run).state = RunState.DONE


def test_the_end_of_a_run_is_told_to_those_who_wait_for_it(waiting: Service) -> None:
    ends, one, other = Ends(waiting.everything), threading.Event(), threading.Event()
    with ends.expected(1, one.set), ends.expected(2, other.set):
        assert not one.wait(0.1)
        end(waiting, 1)
        assert one.wait(SOON)
        assert not other.is_set()


def test_a_run_that_is_over_or_gone_is_told_at_once(waiting: Service) -> None:
    end(waiting, 1)
    for run in (1, 99):
        rung = threading.Event()
        with Ends(waiting.everything).expected(run, rung.set):
            assert rung.wait(SOON)


def test_the_thread_ends_when_nobody_waits_and_starts_again(waiting: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE", 0.05)
    ends = Ends(waiting.everything)
    for _ in range(2):
        with ends.expected(1, lambda: None):
            thread = ends._thread
            assert thread is not None
        thread.join(SOON)
        assert not thread.is_alive()
    assert ends._thread is None


def test_a_database_that_is_away_for_a_while(waiting: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST", 0.01)
    real, failures = module.changes, iter([OSError("away"), OSError("away")])

    def changes(connection: object) -> object:
        for failure in failures:
            raise failure
        return real(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "changes", changes)
    rung = threading.Event()
    with Ends(waiting.everything).expected(1, rung.set):
        end(waiting, 1)
        assert rung.wait(SOON)


def test_a_long_poll_is_answered_with_the_end(analysed: Service) -> None:
    analysed.run(1)
    threading.Timer(0.3, end, (analysed, 2)).start()
    began = time.monotonic()
    assert analysed.get("/api/v1/runs/2", wait=60)["state"] == "done"
    assert time.monotonic() - began < 60
