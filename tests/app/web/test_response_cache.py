"""Kept answers: 304 without making anything, final ones made once, and never another caller's."""

import asyncio
import gzip
import os
import threading
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from app.db import Database
from app.etags import Version
from app.models import Checkpoint, Run
from app.runs import reports
from app.runs.report_cache import KeptReport, ReportCache
from app.states import RunState
from app.web import response_cache as kept
from app.web.response_cache import LANE, Made, ResponseCache, run_in_lane
from tests.service import Service, model, settings

REPORT = "/api/v1/runs/1/report"
TOLD = [
    REPORT,
    "/api/v1/runs/1/tables/norms",
    "/api/v1/runs/1/tables/norms?limit=2&sort=-sv_max",
    "/api/v1/runs/1/tables/norms.csv",
    "/api/v1/runs/1/figures/esd/alpha.depth",
    "/api/v1/runs/1/curves/esd/eigenvalues",
    "/api/v1/checkpoints/1",
]


@pytest.mark.parametrize("path", TOLD)
def test_who_has_it_is_told_so(analysed: Service, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = analysed.client.get(path)
    assert first.status_code == 200, first.text
    assert first.headers["etag"].startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"
    monkeypatch.setattr(reports, "table", lambda *_, **__: pytest.fail("made again"))
    analysed.app.state.cache = ResponseCache()
    again = analysed.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("path", TOLD[:-1])
def test_what_is_final_is_made_once(analysed: Service, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = analysed.client.get(path)
    monkeypatch.setattr(reports, "table", lambda *_, **__: pytest.fail("made again"))
    again = analysed.client.get(path, headers={"Accept-Encoding": "identity"})
    assert again.content == first.content
    for name in ("etag", "content-type", "link", "content-disposition"):
        assert again.headers.get(name) == first.headers.get(name)
    assert (first.headers["content-encoding"], again.headers.get("content-encoding")) == ("gzip", None)
    assert first.headers["vary"] == again.headers["vary"] == "Accept-Encoding"


def test_a_page_is_made_once_and_stays_with_nobody(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = analysed.client.get("/runs/1")
    monkeypatch.setattr(reports, "table", lambda *_, **__: pytest.fail("made again"))
    again = analysed.client.get("/runs/1")
    assert again.content == first.content
    assert again.headers["cache-control"] == "no-store"
    assert "etag" not in again.headers


def test_a_page_names_the_host_that_it_was_asked_by(analysed: Service) -> None:
    analysed.client.get("/runs/1")
    assert "http://localhost:8000" in analysed.client.get("/api", headers={"host": "localhost:8000"}).text
    first, second = (analysed.client.get("/runs/1", headers={"host": host}) for host in ("localhost", "127.0.0.1"))
    assert (first.status_code, second.status_code) == (200, 200)
    assert len(analysed.app.state.cache._kept) == 3


def test_one_look_serves_everyone_who_asks_within_a_moment(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept goes out without a thread, and what this process writes is seen by the next request."""
    monkeypatch.setattr(kept, "KEPT", 60.0)
    looks: list[int] = []
    read = kept._read

    def count(database: Database, version_of: kept.VersionOf) -> Version:
        looks.append(1)
        return read(database, version_of)

    monkeypatch.setattr(kept, "_read", count)

    async def ask_all() -> list[set[str]]:
        transport = httpx.ASGITransport(analysed.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

            async def ask(count: int) -> set[str]:
                every = await asyncio.gather(*(client.get(REPORT) for _ in range(count)))
                assert {answer.status_code for answer in every} == {200}
                return {answer.headers["etag"] for answer in every}

            first = await ask(20)
            with monkeypatch.context() as changed:
                changed.setattr(kept, "run_sync", lambda *_, **__: pytest.fail("a thread"))
                again = await ask(20)
            with analysed.app.state.database.writing() as session:
                session.get_one(Checkpoint, 1).facts = {"step": 8}
            return [first, again, await ask(1)]

    first, again, changed = asyncio.run(ask_all())
    assert len(looks) == 2
    assert len(first) == 1
    assert again == first
    assert changed.isdisjoint(first)


def test_what_another_process_writes_is_seen_after_a_moment(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT", 0.02)

    async def ask_twice() -> list[str]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(analysed.app), base_url="http://127.0.0.1"
        ) as client:
            first = await client.get(REPORT)
            elsewhere = Database(analysed.settings.database, lambda *_: None)
            with elsewhere.writing() as session:
                session.get_one(Checkpoint, 1).facts = {"step": 9}
            elsewhere.close()
            await asyncio.sleep(0.03)
            return [first.headers["etag"], (await client.get(REPORT)).headers["etag"]]

    first, second = asyncio.run(ask_twice())
    assert first != second


def test_a_change_makes_it_anew(analysed: Service) -> None:
    tag = analysed.client.get(REPORT).headers["etag"]
    with analysed.everything.writing() as session:
        session.get_one(Checkpoint, 1).facts = {"step": 7}
    answer = analysed.client.get(REPORT, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


def test_a_growing_report_is_told_by_its_edition_and_not_kept(analysed: Service) -> None:
    with analysed.everything.writing() as session:
        session.get_one(Run, 1).state = RunState.RUNNING
    tag = analysed.client.get(REPORT).headers["etag"]
    assert analysed.client.get(REPORT, headers={"If-None-Match": tag}).status_code == 304
    assert not analysed.app.state.cache._kept


def test_another_address_is_another_answer(analysed: Service) -> None:
    tag = analysed.client.get(REPORT).headers["etag"]
    assert analysed.client.get("/api/v1/runs/1/tables/norms", headers={"If-None-Match": tag}).status_code == 200
    assert analysed.client.get("/api/v1/runs/1/tables/none", headers={"If-None-Match": tag}).status_code == 404


def test_what_is_kept_is_not_anothers(tmp_path: Path) -> None:
    service = Service(settings(tmp_path, token="correct horse battery"))
    service.client = owner = service.caller("correct horse battery")
    service.upload(model())
    service.run(1)
    service.work()
    tag = owner.get(REPORT).headers["etag"]
    owner.post("/api/v1/projects", json={"name": "other"}).raise_for_status()
    asked = {"name": "other's", "scope": "admin", "project": "other"}
    stranger = service.caller(owner.post("/api/v1/tokens", json=asked).json()["token"])
    for path in (*TOLD, "/runs/1"):
        assert owner.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
        assert stranger.get(path, headers={"If-None-Match": tag}).status_code == 404
    service.close()


def test_a_deleted_run_is_gone_at_once(analysed: Service) -> None:
    tag = analysed.client.get(REPORT).headers["etag"]
    analysed.client.delete("/api/v1/runs/1")
    assert analysed.client.get(REPORT, headers={"If-None-Match": tag}).status_code == 404


@pytest.mark.parametrize(
    ("stated", "known"),
    [(None, False), ('"k"', True), ('W/"k"', True), ('"a", W/"k"', True), ("*", True), ('"K"', False), ("k", False)],
)
def test_tags_are_compared_weakly(stated: str | None, known: bool) -> None:
    assert kept.has(stated, "k") is known


def test_names_that_no_encoding_carries_do_no_harm() -> None:
    assert kept.make_entry({"name": "a\ud800b"}).body == b'{"name":"a?b"}'


# --- the cache ---


def test_many_who_wait_have_it_made_once() -> None:
    cache, made = ResponseCache(), []

    def make() -> Made:
        made.append(1)
        time.sleep(0.05)
        return Made(b"body")

    threads = [threading.Thread(target=cache.take, args=("key", make)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert gzip.decompress(cache.take("key", make).body) == b"body"
    assert not cache._making


def test_a_fault_is_not_kept() -> None:
    cache = ResponseCache()
    with pytest.raises(ZeroDivisionError):
        cache.take("key", lambda: Made(bytes([1 // 0])))
    assert not cache._making
    assert gzip.decompress(cache.take("key", lambda: Made(b"body")).body) == b"body"


def test_its_room_is_bounded_and_the_last_used_stays() -> None:
    cache = ResponseCache(room=100)
    for key in "abc":
        cache.take(key, lambda: Made(b"body"))
        cache.take("a", lambda: pytest.fail("made again"))
    for key in "defg":
        cache.take(key, lambda: Made(b"body"))
    assert cache._kept.currsize == sum(len(each.body) for each in cache._kept.values()) <= 100
    assert "b" not in cache._kept


def test_what_is_larger_than_the_cache_is_answered_and_displaces_nothing() -> None:
    cache = ResponseCache(room=100)
    cache.take("small", lambda: Made(b"body"))
    large = os.urandom(200)
    for _ in range(2):
        assert gzip.decompress(cache.take("large", lambda: Made(large)).body) == large
    assert list(cache._kept) == ["small"]


def test_a_kind_has_a_few_threads_and_holds_up_no_other() -> None:
    running, most, free = 0, 0, threading.Event()

    def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        free.wait(10)
        running -= 1

    async def ask() -> int:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(run_in_lane, "uploads", work)
            other = await run_in_lane("looks", lambda: 7)
            free.set()
        return other

    assert anyio.run(ask) == 7
    assert most <= LANE


def test_large_answers_are_made_one_after_the_other_and_hold_up_no_other(
    analysed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = int(analysed.get("/api/v1/checkpoints/1")["tensors"])
    running, most, begun, free = 0, 0, threading.Event(), threading.Event()
    find = ReportCache.find

    def slow(self: ReportCache, *given: Any) -> KeptReport:
        nonlocal running, most
        running += 1
        most = max(most, running)
        begun.set()
        free.wait(10)
        running -= 1
        return find(self, *given)

    monkeypatch.setattr(ReportCache, "find", slow)
    monkeypatch.setattr(kept, "MANY", tensors - 1)

    async def ask() -> tuple[list[int], int, int]:
        transport = httpx.ASGITransport(analysed.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            waiting = [asyncio.create_task(client.get(f"{REPORT}?x={number}")) for number in range(50)]
            assert await asyncio.to_thread(begun.wait, 10)
            other = await client.get("/api/v1/checkpoints/1/tensors")
            meanwhile = most
            free.set()
            return [(await each).status_code for each in waiting], other.status_code, meanwhile

    codes, other, meanwhile = asyncio.run(ask())
    assert set(codes) == {other} == {200}
    assert meanwhile == most == 1


def test_what_the_call_raises_is_raised() -> None:
    async def ask() -> None:
        try:
            await run_in_lane("looks", lambda: [][0])
        except IndexError:
            return
        raise AssertionError

    anyio.run(ask)
