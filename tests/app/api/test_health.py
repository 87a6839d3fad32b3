"""Health over HTTP: 503 until a worker answers."""

import pytest

from app.db import now
from app.models import Ping
from app.queue import pings
from tests.service import Service


def test_without_a_worker_the_queue_does_not_turn(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings.HealthCheck.probe, "__defaults__", (0.1,))
    assert service.get("/health", 503)["code"] == "queue-stalled"


def test_with_a_worker_it_does(service: Service) -> None:
    def ping(identity: int) -> None:
        with service.database.writing() as session:
            found = session.get_one(Ping, identity)
            found.answered_at, found.worker = now(), "here:1"

    service.workers.ping = ping  # type: ignore[method-assign]
    found = service.get("/health")
    assert found["status"] == "ok"
    assert found["worker"] == "here:1"
    assert found["queue_seconds"] < 3
