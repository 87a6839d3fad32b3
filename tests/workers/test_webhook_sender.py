"""The webhook sender: a run ends, and its webhooks receive a message."""

import json
from pathlib import Path

import pytest
from sqlalchemy import update

from app.models import Delivery
from app.settings import Settings
from app.webhooks import deliveries
from app.webhooks import sending as webhooks
from app.webhooks.deliveries import PendingDelivery
from tests.receiver import Receiver, receiving
from tests.service import Service, model, settings
from workers.webhook_sender import WebhookSender, deliver


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


def test_one_that_cannot_be_sent_costs_the_others_nothing(
    open_service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send = webhooks.send

    async def odd(pending: PendingDelivery, settings: Settings, moment: int) -> tuple[bool, str]:
        if pending.url.endswith("/odd"):
            raise OverflowError("port must be 0-65535.")
        return await send(pending, settings, moment)

    monkeypatch.setattr(webhooks, "send", odd)
    with receiving(Receiver()) as there:
        with open_service.database.writing() as session:
            deliveries.add(session, f"{there.url}/odd")
        asked(open_service, f"{there.url}/hook")
        assert deliver(open_service.everything, open_service.settings) == 2
    assert [heard.path for heard in there.heard] == ["/hook"]
    bad, good = sorted(open_service.get("/api/v1/runs/1/deliveries"), key=lambda told: bool(told["state"] == "sent"))
    assert (bad["state"], bad["answer"]) == ("waiting", "OverflowError: port must be 0-65535.")
    assert (good["state"], good["answer"]) == ("sent", "status 204")
    assert "delivery 1 failed" in caplog.text
    for _ in range(deliveries.MOST_ATTEMPTS):
        with open_service.everything.writing() as session:
            session.execute(update(Delivery).values(next_at=0.0))
        deliver(open_service.everything, open_service.settings)
    assert {told["state"] for told in open_service.get("/api/v1/runs/1/deliveries")} == {"sent", "failed"}
    open_service.close()


def test_it_goes_on_by_itself_and_stops(open_service: Service) -> None:
    with receiving(Receiver()) as there:
        asked(open_service, there.url)
        sender = WebhookSender(open_service.everything, open_service.settings)
        sender.start()
        for _ in range(500):
            if there.heard:
                break
            sender.join(0.02)
        sender.stop()
        sender.join(5)
        assert not sender.is_alive()
    assert len(there.heard) == 1
    open_service.close()
