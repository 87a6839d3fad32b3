"""Problems: every fault in one form, and no traceback for the client."""

import logging

import pytest
from fastapi import APIRouter

from tests.service import Service


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nowhere", 404, "not-found"),
        ("PATCH", "/api/v1/runs", 405, "method-not-allowed"),
        ("GET", "/api/v1/runs/zero", 422, "invalid-request"),
        ("GET", "/api/v1/runs/99999999999999999999", 422, "invalid-request"),
        ("GET", "/api/v1/runs?limit=0", 422, "invalid-request"),
        ("GET", "/api/v1/runs/1", 404, "not-found"),
    ],
)
def test_faults_have_one_form(service: Service, method: str, path: str, status: int, code: str) -> None:
    answer = service.client.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]


def test_a_fault_of_ours_is_logged_under_an_id_and_not_shown(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret")

    service.client.app.include_router(router)  # type: ignore[attr-defined]
    with caplog.at_level(logging.ERROR):
        answer = service.client.get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["incident"] in caplog.text
    assert "a secret" in caplog.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_broken_json_is_said(service: Service) -> None:
    answer = service.client.post("/api/v1/runs", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    answer = service.client.post("/api/v1/runs", content=b"\xff\xfe\xfd", headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
