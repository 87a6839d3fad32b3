"""Deliveries as rows: due when the run has ended and its verdict is there, tried again, given up at last."""

import base64
import json
from typing import Any

from sqlalchemy import update

from app.db import clock
from app.gate import verdicts
from app.models import Delivery
from app.runs import runs
from app.webhooks import deliveries
from tests.service import Service, model

URL = "https://ci.example/hook"
POLICY = {"rules": [{"column": "norms.rank_loss", "max": 0}]}


def hooked(service: Service) -> None:
    """A standing webhook, and run 1 that it will hear of."""
    with service.database.writing() as session:
        deliveries.add(session, URL)
    service.upload(model())
    service.run(1)


def due(service: Service) -> list[deliveries.PendingDelivery]:
    with service.everything.writing() as session:
        session.execute(update(Delivery).values(next_at=0.0))
    with service.everything.writing() as session:
        return deliveries.due(session)


def row(service: Service) -> Delivery:
    with service.everything.reading() as session:
        return session.query(Delivery).one()


def test_a_run_is_told_of_when_it_has_ended(service: Service) -> None:
    hooked(service)
    assert due(service) == []
    service.work()
    (pending,) = due(service)
    told = json.loads(pending.body)
    assert (pending.url, told["event"], told["run"]["id"], told["run"]["state"]) == (URL, "run.ended", 1, "done")
    assert told["run"]["checkpoints"] == [{"id": 1, "name": "model.safetensors"}]
    assert told["verdict"] is None
    assert json.loads(due(service)[0].body) == told


def test_the_verdict_comes_first(service: Service) -> None:
    hooked(service)
    with service.database.writing() as session:
        verdicts.request(session, runs.get(session, 1), POLICY)
    service.work()
    assert due(service) == []
    service.get("/api/v1/runs/1/verdict")
    told = json.loads(due(service)[0].body)["verdict"]
    assert told == {"id": 1, "verdict": "pass", "passed": True, "headline": "The gate is open: every rule holds."}


def test_two_couriers_never_have_the_same_parcel(service: Service) -> None:
    hooked(service)
    service.work()
    assert len(due(service)) == 1
    with service.everything.writing() as session:
        assert deliveries.due(session) == []  # a sender has claimed it, and it comes up again later


def test_what_is_sent_is_done(service: Service) -> None:
    hooked(service)
    service.work()
    tell(service, True, "status 204")
    assert (row(service).state, row(service).answer) == ("sent", "status 204")
    assert row(service).sent_at is not None
    assert due(service) == []


def test_what_fails_is_tried_again_ever_later_and_given_up(service: Service) -> None:
    hooked(service)
    service.work()
    waits = []
    for _ in range(deliveries.MOST_ATTEMPTS):
        assert row(service).state == "waiting"
        tell(service, False, "status 500")
        with service.everything.reading() as session:
            waits.append(round(row(service).next_at - clock(session)))
    assert row(service).state == "failed"
    assert due(service) == []
    assert waits[:4] == [10, 20, 40, 80]
    assert max(waits) <= 3600


def test_a_last_attempt_without_an_answer_is_given_up(service: Service) -> None:
    hooked(service)
    service.work()
    for _ in range(deliveries.MOST_ATTEMPTS):
        assert len(due(service)) == 1  # and whoever took it was killed
    assert due(service) == []
    assert row(service).state == "failed"


def tell(service: Service, good: bool, answer: str) -> None:
    (pending,) = due(service)
    with service.everything.writing() as session:
        deliveries.record_attempt(session, pending.delivery, good, answer)


def test_a_webhook_of_one_run_hears_of_no_other(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.run(1)
    with service.database.writing() as session:
        deliveries.hook(session, URL, runs.get(session, 2))
    service.work()
    assert [json.loads(pending.body)["run"]["id"] for pending in due(service)] == [2]


def test_a_webhook_of_another_project_hears_nothing(service: Service) -> None:
    assert service.client.post("/api/v1/projects", json={"name": "other"}).status_code == 201
    with service.everything.within(2, "a test").writing() as session:
        deliveries.add(session, URL)
    service.upload(model())
    service.run(1)
    service.work()
    assert due(service) == []
    assert service.get("/api/v1/runs/1/deliveries") == []


def test_a_forgotten_webhook_is_told_no_more(service: Service) -> None:
    hooked(service)
    service.work()
    with service.database.writing() as session:
        deliveries.forget(session, 1)
    assert due(service) == []


def test_deliveries_go_with_their_run(service: Service) -> None:
    hooked(service)
    service.client.delete("/api/v1/runs/1")
    with service.everything.reading() as session:
        assert session.query(Delivery).count() == 0


def secrets_of(service: Service) -> set[Any]:
    with service.everything.reading() as session:
        return {hook.secret for hook in deliveries.hooks(session)}


def test_each_has_a_secret_of_256_bits(service: Service) -> None:
    for _ in range(3):
        with service.database.writing() as session:
            deliveries.add(session, URL)
    assert len(secrets_of(service)) == 3
    assert all(secret.startswith("whsec_") and len(secret) <= 64 for secret in secrets_of(service))
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets_of(service))
