"""What is observed of a request: its id, its line, its counts, and nothing that is secret."""

import logging
from pathlib import Path

import pytest
from fastapi import APIRouter

from app.logs import FIELDS
from tests.service import Service, settings


def line(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    found: dict[str, object] = getattr([each for each in caplog.records if each.name.startswith("app")][-1], FIELDS)
    return found


def test_an_id_is_taken_or_made(service: Service) -> None:
    taken = service.client.get("/api/v1/runs", headers={"X-Request-Id": "ci-42.a_B"})
    assert taken.headers["x-request-id"] == "ci-42.a_B"
    made = service.client.get("/api/v1/runs").headers["x-request-id"]
    assert len(made) == 16
    assert made != service.client.get("/api/v1/runs").headers["x-request-id"]


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, 'a"b', "a\tb", "ü"])
def test_an_id_that_is_not_safe_is_not_taken(service: Service, sent: str) -> None:
    answer = service.client.get("/api/v1/runs", headers={b"X-Request-Id": sent.encode()})
    assert answer.headers["x-request-id"] != sent
    assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_who_is_refused_has_an_id_too(service: Service, headers: dict[str, str]) -> None:
    assert service.client.post("/api/v1/runs", headers=headers).headers["x-request-id"]


def test_a_line_tells_what_was_asked_and_answered(analysed: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.requests"):
        analysed.client.get("/api/v1/runs/1/report?x=secret")
    found = line(caplog)
    assert isinstance(found.pop("duration_ms"), float)
    assert found == {
        "method": "GET", "route": "/api/v1/runs/{id}/report", "status": 200, "caller": "this machine", "run": "1",
    }  # fmt: skip


def test_a_run_that_is_asked_for_is_named(analysed: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.requests"):
        analysed.run(1)
    assert (line(caplog)["run"], line(caplog)["method"], line(caplog)["status"]) == ("2", "POST", 201)


def test_neither_tokens_nor_what_strangers_ask_for_are_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(settings(tmp_path, token="correct horse battery"))
    with caplog.at_level(logging.DEBUG, "app"):
        service.client.get("/api/v1/horse?token=horse", headers={"Authorization": "Bearer horse battery"})
        service.client.get("/api/v1/runs", headers={"Authorization": "Bearer correct horse battery"})
    written = [each for each in caplog.records if each.name.startswith("app")]
    assert [getattr(each, FIELDS)["status"] for each in written] == [401, 200]
    assert [getattr(each, FIELDS)["caller"] for each in written] == [None, "EIGENSCOPE_TOKEN"]
    assert "horse" not in " ".join(f"{each.getMessage()} {each.__dict__}" for each in written)
    service.close()


def test_what_is_asked_every_few_seconds_is_not_told(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.requests"):
        service.client.get("/static/js/main.js")
    assert not [each for each in caplog.records if each.name.startswith("app")]


def test_head_is_told_as_head(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.requests"):
        service.client.head("/api/v1/runs")
    assert line(caplog)["method"] == "HEAD"


def test_an_incident_goes_by_the_requests_id(service: Service) -> None:
    router = APIRouter()

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret")

    service.app.include_router(router)
    answer = service.client.get("/broken", headers={"X-Request-Id": "mine"})
    assert answer.json()["incident"] == answer.headers["x-request-id"] == "mine"
    assert 'route="/broken",status="500"' in service.client.get("/metrics").text
