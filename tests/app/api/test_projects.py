"""The projects' routes."""

import pytest

from tests.service import Service, model


def test_a_project_with_what_it_has_and_may_have(service: Service) -> None:
    service.upload(model())
    made = service.client.post("/api/v1/projects", json={"name": "vision"})
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v1/projects/vision"
    assert made.json()["usage"]["bytes"] == 0
    assert service.get("/api/v1/projects/default")["usage"]["bytes"] == len(model())
    assert [each["name"] for each in service.get("/api/v1/projects")] == ["default", "vision"]
    assert service.client.post("/api/v1/projects", json={"name": "vision"}).status_code == 409


def test_limits_are_set_and_taken_back(service: Service) -> None:
    assert service.client.patch("/api/v1/projects/default", json={"runs": 3}).json()["limits"]["runs"] == 3
    assert service.get("/api/v1/projects/default")["limits"]["files"] == service.settings.quota_files
    assert service.client.patch("/api/v1/projects/default", json={}).json()["limits"]["runs"] == 100
    assert service.client.patch("/api/v1/projects/default", json={"runs": -1}).status_code == 422
    assert service.client.patch("/api/v1/projects/nowhere", json={}).status_code == 404


def test_who_am_i(service: Service) -> None:
    me = service.get("/api/v1/me")
    assert (me["name"], me["scope"], me["project"]["name"]) == ("this machine", "admin", "default")


@pytest.mark.parametrize("number", [False, "5", 1.5, -1])
def test_a_limit_is_a_whole_number(service: Service, number: object) -> None:
    answer = service.client.patch("/api/v1/projects/default", json={"runs": number})
    assert answer.status_code == 422
    assert "runs" in str(answer.json()["faults"])
