"""Webhooks over HTTP."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.webhooks.deliveries import MOST_WEBHOOKS
from tests.service import Service, model, settings

URL = "https://ci.example/hook"


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[Service]:
    service = Service(settings(tmp_path / "data", webhook_hosts=("ci.example",)))
    yield service
    service.close()


def test_one_is_added_listed_and_forgotten(hooked: Service) -> None:
    made = hooked.client.post("/api/v1/webhooks", json={"url": URL})
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/webhooks/1")
    assert re.fullmatch("whsec_[A-Za-z0-9+/]{43}=", made.json()["secret"])
    (listed,) = hooked.get("/api/v1/webhooks")
    assert set(listed) == {"id", "url", "created_at"}
    hooked.upload(model())
    hooked.run(1)
    assert [each["state"] for each in hooked.get("/api/v1/runs/1/deliveries")] == ["waiting"]
    assert hooked.client.delete("/api/v1/webhooks/1").status_code == 204
    assert hooked.client.delete("/api/v1/webhooks/1").status_code == 404
    assert hooked.get("/api/v1/webhooks") == hooked.get("/api/v1/runs/1/deliveries") == []


@pytest.mark.parametrize("url", ["https://other.example/", "file:///etc/passwd", "http://127.0.0.1/"])
def test_hosts_that_are_not_listed(hooked: Service, url: str) -> None:
    answer = hooked.client.post("/api/v1/webhooks", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (403, "webhook-not-allowed")


def test_off_by_default(service: Service) -> None:
    answer = service.client.post("/api/v1/webhooks", json={"url": URL})
    assert "EIGENSCOPE_WEBHOOK_HOSTS" in answer.json()["detail"]


def test_not_more_than_a_few(hooked: Service) -> None:
    statuses = [hooked.client.post("/api/v1/webhooks", json={"url": URL}).status_code for _ in range(MOST_WEBHOOKS + 1)]
    assert statuses == [201] * MOST_WEBHOOKS + [409]


def test_another_project_s_are_not_there(hooked: Service) -> None:
    hooked.client.post("/api/v1/webhooks", json={"url": URL})
    hooked.client.post("/api/v1/projects", json={"name": "other"})
    other = hooked.caller(**{"Eigenscope-Project": "other"})
    assert other.get("/api/v1/webhooks").json() == []
    assert other.delete("/api/v1/webhooks/1").status_code == 404
