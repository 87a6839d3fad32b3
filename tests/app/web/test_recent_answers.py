"""Answers that go out again: the same bytes and headers, for the same caller, and only while nothing has changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.models import Checkpoint
from app.web import response_cache
from app.web.compression import Compression
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
