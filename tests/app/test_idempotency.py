"""Idempotency keys as rows: one request, one answer, on SQLite and PostgreSQL alike."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app import idempotency
from app.errors import BadRequest, Conflict, KeyReused
from app.idempotency import Answer, claim, digest_of, forget, keep
from app.models import Key
from tests.integration.conftest import a_database
from tests.service import Service, settings

ROUTE, DIGEST = "/api/v1/runs", digest_of(b"POST", b"", b"{}")
ANSWER = Answer(201, "/api/v1/runs/1", '{"id": 1}')


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service on each database."""
    if request.param == "sqlite":
        made = Service(settings(tmp_path / "data"))
        yield made
        made.close()
        return
    with a_database() as url:
        made = Service(settings(tmp_path / "data", database_url=url))
        yield made
        made.close()


def first(service: Service, key: str = "k", answer: Answer = ANSWER) -> Answer | None:
    with service.database.writing() as session:
        before = claim(session, ROUTE, key, DIGEST)
        if before is None:
            keep(session, ROUTE, key, answer)
        return before


def test_the_second_gets_the_answer_of_the_first(either: Service) -> None:
    assert first(either) is None
    assert first(either, answer=Answer(500, None, "")) == ANSWER
    assert first(either, key="other") is None


def test_another_request_with_the_key_is_refused(either: Service) -> None:
    first(either)
    with either.database.writing() as session, pytest.raises(KeyReused):
        claim(session, ROUTE, "k", digest_of(b"POST", b"", b"[]"))


def test_the_same_key_on_another_route_or_in_another_project_is_another(either: Service) -> None:
    first(either)
    with either.database.writing() as session:
        assert claim(session, "/api/v1/mitigations", "k", DIGEST) is None
    with either.everything.within(2, "a test").writing() as session:
        assert claim(session, ROUTE, "k", DIGEST) is None


def broken(service: Service) -> None:
    with service.database.writing() as session:
        claim(session, ROUTE, "k", DIGEST)
        raise ZeroDivisionError


def test_what_fails_leaves_no_key(either: Service) -> None:
    with pytest.raises(ZeroDivisionError):
        broken(either)
    assert first(either) is None


def test_a_key_is_forgotten_after_a_day(either: Service) -> None:
    first(either)
    first(either, key="young")
    with either.database.writing() as session:
        session.execute(update(Key).where(Key.key == "k").values(created_at=Key.created_at - idempotency.KEPT - 1))
    assert first(either) is None
    with either.database.writing() as session:
        session.execute(update(Key).where(Key.key == "k").values(created_at=0.0))
    with either.everything.writing() as session:
        forget(session)
    with either.everything.reading() as session:
        assert session.scalars(select(Key.key)).all() == ["young"]


def test_of_many_at_once_one_is_the_first_and_the_others_wait_for_it(either: Service) -> None:
    found: list[Answer | None] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        found.append(first(either))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(None) == 1
    assert found.count(ANSWER) == 7


def test_who_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT", "50ms")
    with a_database() as url:
        service = Service(settings(tmp_path / "data", database_url=url))
        with service.database.writing() as session:
            claim(session, ROUTE, "k", DIGEST)
            with service.database.writing() as other, pytest.raises(Conflict, match="still in progress"):
                claim(other, ROUTE, "k", DIGEST)
        service.close()


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "ü"])
def test_keys_are_short_and_printable(key: str) -> None:
    with pytest.raises(BadRequest):
        idempotency.check(key)


def test_parts_of_a_request_do_not_run_together() -> None:
    assert digest_of(b"a", b"bc") != digest_of(b"ab", b"c")
    assert digest_of(b"a") != digest_of(b"a", b"")
