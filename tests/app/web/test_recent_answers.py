"""Answers that go out again: the same bytes and headers, for the same caller, and only while nothing has changed."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.etags import Version
from app.models import Checkpoint
from app.web import response_cache
from app.web.compression import Compression
from app.web.recent_answers import RecentAnswers
from app.web.response_cache import LOOK, Look
from tests.service import Service, model, settings

REPORT = "/api/v1/runs/1/report"
PATHS = [REPORT, "/runs/1", "/api/v1/runs/1/figures/esd/alpha.depth", "/api/v1/runs/1/tables/norms.csv"]
OTHER = {"x-request-id", "date"}


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen a moment ago stays so for as long as a test takes."""
    monkeypatch.setattr(response_cache, "KEPT", 60.0)


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that came further, on the way to the routes."""
    seen: list[str] = []
    pass_on = Compression.__call__

    async def count(self: Compression, scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await pass_on(self, scope, receive, send)

    monkeypatch.setattr(Compression, "__call__", count)
    return seen


@pytest.fixture
def followed(analysed: Service, lasting: None) -> Iterator[Service]:
    """With one event loop for all requests, as a server has."""
    with analysed.client:
        yield analysed


def told(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in OTHER}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_answer_goes_out_again_without_a_route(
    followed: Service, path: str, encoding: str, routed: list[str]
) -> None:
    headers = {"Accept-Encoding": encoding}
    first = [told(followed.client.get(path, headers=headers)) for _ in range(2)]
    assert routed[-1] == path
    count = len(routed)
    again = told(followed.client.get(path, headers=headers))
    assert len(routed) == count
    assert again == first[0] == first[1]
    assert again[0] == 200


def test_who_has_it_is_told_so_without_a_route(followed: Service, routed: list[str]) -> None:
    tag = {"If-None-Match": followed.client.get(REPORT).headers["etag"]}
    followed.client.get(REPORT, headers=tag)
    count = len(routed)
    again = followed.client.get(REPORT, headers=tag)
    assert len(routed) == count
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag["If-None-Match"])


def test_head_has_the_same_headers(followed: Service) -> None:
    first, again = (followed.client.get(REPORT) for _ in range(2))
    head = followed.client.head(REPORT)
    assert told(again) == told(first)
    assert (told(head)[0], told(head)[1], told(head)[2]) == (200, b"", told(first)[2])


def test_what_this_process_writes_is_seen_at_once(followed: Service) -> None:
    tag = followed.client.get(REPORT).headers["etag"]
    with followed.everything.writing() as session:
        session.get_one(Checkpoint, 1).facts = {"step": 8}
    assert followed.client.get(REPORT).headers["etag"] != tag
    followed.client.delete("/api/v1/runs/1")
    assert followed.client.get(REPORT).status_code == 404


def test_another_query_or_host_is_another_answer(followed: Service, routed: list[str]) -> None:
    """As pages name the host that they were asked by."""
    first, second = (followed.client.get(f"/api/v1/runs/1/tables/norms?limit={n}").json() for n in (1, 2))
    assert first != second
    for _ in range(2):
        assert followed.client.get("/api/v1/runs/1/tables/norms?limit=2").json() == second
    count = len(routed)
    followed.client.get("/api/v1/runs/1/tables/norms?limit=2", headers={"host": "localhost"})
    assert len(routed) == count + 1


def test_nobody_gets_anothers(tmp_path: Path, lasting: None) -> None:
    service = Service(settings(tmp_path, token="correct horse battery"))
    service.client = owner = service.caller("correct horse battery")
    with owner:
        service.upload(model())
        service.run(1)
        service.work()
        owner.post("/api/v1/projects", json={"name": "other"}).raise_for_status()
        asked = {"name": "other's", "scope": "admin", "project": "other"}
        stranger = service.caller(owner.post("/api/v1/tokens", json=asked).json()["token"])
        for path in PATHS:
            assert [owner.get(path).status_code for _ in range(3)] == [200, 200, 200]
            assert stranger.get(path).status_code == 404
            assert service.caller().get(path).status_code == 401
    service.close()


class Route:
    """An application whose answers wait until they may go; each begins with a look as old as told."""

    def __init__(self) -> None:
        self.database, self.count, self.age, self.breaks = SimpleNamespace(writes=0), 0, 60.0, False
        self.may_go = asyncio.Event()
        self.answers = RecentAnswers(self, self.database)  # type: ignore[arg-type]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.count += 1
        loop, breaks = asyncio.get_running_loop(), self.breaks
        found = loop.create_future()
        found.set_result(Version("1", final=True))
        look = Look(0, loop, found, time.monotonic() - self.age)
        await self.may_go.wait()
        if breaks:
            raise ConnectionError
        scope[LOOK] = look
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"report"})

    async def ask(self, pause: float = 0.0) -> bytes:
        """The body, read after a pause."""
        bodies = [b""]

        async def take(message: Any) -> None:
            await asyncio.sleep(pause if message["type"] == "http.response.body" else 0.0)
            bodies.append(message.get("body", b""))

        scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "query_string": b"", "headers": []}
        await self.answers(scope, lambda: None, take)  # type: ignore[arg-type, return-value]
        return b"".join(bodies)

    async def settle(self, *pauses: float) -> "list[asyncio.Task[bytes]]":
        """Requests that are as far as they get before an answer may go."""
        self.may_go.clear()
        tasks = [asyncio.ensure_future(self.ask(pause)) for pause in pauses]
        for _ in range(5):
            await asyncio.sleep(0)
        self.may_go.set()
        return tasks


def test_one_looks_anew_and_the_others_wait_for_its_answer() -> None:
    async def readers() -> None:
        route = Route()
        for task in await route.settle(0.0):
            await task  # what is kept now is too old
        route.age = 0.0
        tasks = await route.settle(*[0.0] * 20)
        assert await asyncio.gather(*tasks) == [b"report"] * 20
        assert route.count == 2

    asyncio.run(readers())


def test_nobody_waits_for_one_that_fails_or_reads_slowly() -> None:
    async def readers() -> None:
        route = Route()
        for task in await route.settle(0.0):
            await task
        route.age, route.breaks = 0.0, True
        first, *others = await route.settle(0.0, 0.0, 0.0)
        route.breaks = False
        with pytest.raises(ConnectionError):
            await first
        assert await asyncio.gather(*others) == [b"report"] * 2
        route.database.writes, route.age = 1, 60.0  # all that is kept is too old
        slow, quick = await route.settle(60.0, 0.0)
        assert await quick == b"report"
        slow.cancel()

    asyncio.run(asyncio.wait_for(readers(), 10))
