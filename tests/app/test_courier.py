"""The courier: a run ends, and whoever asked to be told is told."""

import json
from pathlib import Path

import pytest

from app.courier import Courier, deliver
from tests.receiver import Receiver, receiving
from tests.service import Service, model, settings


@pytest.fixture
def open_service(tmp_path: Path) -> Service:
    return Service(settings(tmp_path / "data", webhook_hosts=("127.0.0.1",), sweep_seconds=0.01))


def asked(service: Service, url: str) -> dict[str, object]:
    service.upload(model())
    answer = service.client.post("/api/v1/runs", json={"checkpoints": [1], "webhook": url})
    assert answer.status_code == 201, answer.text
    service.work()
    found: dict[str, object] = answer.json()["webhook"]
    return found


def test_from_the_request_to_the_receiver(open_service: Service) -> None:
    with receiving(Receiver()) as there:
        asked(open_service, f"{there.url}/hook")
        assert deliver(open_service.everything, open_service.settings) == 1
        assert deliver(open_service.everything, open_service.settings) == 0
    (heard,) = there.heard
    assert json.loads(heard.body)["run"]["id"] == 1
    (told,) = open_service.get("/api/v1/runs/1/deliveries")
    assert (told["state"], told["attempts"], told["answer"]) == ("sent", 1, "status 204")
    open_service.close()


def test_what_did_not_arrive_waits(open_service: Service) -> None:
    asked(open_service, "http://127.0.0.1:1/hook")
    assert deliver(open_service.everything, open_service.settings) == 1
    assert deliver(open_service.everything, open_service.settings) == 0
    (told,) = open_service.get("/api/v1/runs/1/deliveries")
    assert (told["state"], told["attempts"]) == ("waiting", 1)
    assert "ConnectError" in told["answer"]
    open_service.close()


def test_it_goes_on_by_itself_and_stops(open_service: Service) -> None:
    with receiving(Receiver()) as there:
        asked(open_service, there.url)
        courier = Courier(open_service.everything, open_service.settings)
        courier.start()
        for _ in range(500):
            if there.heard:
                break
            courier.join(0.02)
        courier.stop()
        courier.join(5)
        assert not courier.is_alive()
    assert len(there.heard) == 1
    open_service.close()
