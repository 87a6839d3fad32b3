"""Long polls: the end of a run wakes those who wait for it, and only so many may."""

import threading
from pathlib import Path

import anyio
import pytest
from starlette.requests import Request

from app.errors import TooManyWaiting
from app.web.long_poll import Waiting, wait_until
from tests.service import Service, model, settings


async def _connected() -> dict[str, str]:
    await anyio.sleep_forever()
    return {"type": "http.disconnect"}


async def _gone() -> dict[str, str]:
    return {"type": "http.disconnect"}


def request(receive: object = _connected) -> Request:
    return Request({"type": "http"}, receive)  # type: ignore[arg-type]


def test_it_looks_until_it_is_over() -> None:
    seen = iter([1, 2, 3])
    waiting = Waiting(1)
    assert anyio.run(wait_until, request(), waiting, 30.0, lambda: next(seen), lambda found: found == 3) == 3
    assert waiting.count == 0


def test_the_time_is_an_end_too() -> None:
    assert anyio.run(wait_until, request(), Waiting(1), 0.05, lambda: 1, lambda found: False) == 1
    assert anyio.run(wait_until, request(), Waiting(0), 0.0, lambda: 1, lambda found: False) == 1


def test_who_is_gone_waits_no_more() -> None:
    assert anyio.run(wait_until, request(_gone), Waiting(1), 3600.0, lambda: 1, lambda found: False) == 1


def test_more_than_may_are_told_so() -> None:
    waiting = Waiting(1)
    with waiting.place(), pytest.raises(TooManyWaiting):
        anyio.run(wait_until, request(), waiting, 1.0, lambda: 1, lambda found: False)
    assert waiting.count == 0


def test_hundreds_wait_without_a_thread_each() -> None:
    async def all_of_them() -> int:
        waiting, over = Waiting(300), False
        most = 0

        async def one() -> None:
            await wait_until(request(), waiting, 60.0, lambda: over, bool)

        async with anyio.create_task_group() as group:
            for _ in range(300):
                group.start_soon(one)
            while waiting.count < 300:
                await anyio.sleep(0.01)
            most = threading.active_count()
            over = True
        return most

    assert anyio.run(all_of_them) < 100


def test_the_end_of_a_run_answers(service: Service) -> None:
    service.upload(model())
    service.run(1)
    worker = threading.Timer(0.3, service.work)
    worker.start()
    found = service.get("/api/v1/runs/1", wait=60)
    worker.join()
    assert found["state"] == "done"


def test_without_wait_it_is_as_it_is(service: Service) -> None:
    service.upload(model())
    service.run(1)
    assert service.get("/api/v1/runs/1")["state"] == "waiting"
    assert service.get("/api/v1/runs/1", wait=0.2)["state"] == "waiting"


def test_the_bound_is_a_setting(tmp_path: Path) -> None:
    service = Service(settings(tmp_path / "data", waiting_limit=0))
    service.upload(model())
    service.run(1)
    assert service.get("/api/v1/runs/1", 503, wait=1)["code"] == "too-many-waiting"
    assert service.get("/api/v1/runs/1")["state"] == "waiting"
    assert service.get("/api/v1/runs/1", 422, wait=61)["code"] == "invalid-request"
    service.close()
