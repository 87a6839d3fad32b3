"""How checkpoints come in: what holds of bytes, forms and JSON alike. Uploads and sources have tests of their own."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from app import checkpoints
from tests.service import Service, model

DIGEST = hashlib.sha256(model()).hexdigest()
Send = Callable[[Service, dict[str, Any]], Any]


def as_bytes(service: Service, headers: dict[str, Any]) -> Any:
    asked = {"filename": "m.safetensors", "name": "run 7", "facts": "lr=1e-3"}
    return service.client.post("/api/v1/checkpoints", params=asked, content=model(), headers=headers)


def as_form(service: Service, headers: dict[str, Any]) -> Any:
    fields = {"name": "run 7", "facts": "lr=1e-3"}
    return service.client.post("/api/v1/checkpoints", data=fields, files=[("files", ("m", model()))], headers=headers)


def as_json(service: Service, headers: dict[str, Any]) -> Any:
    service.client.put(f"/api/v1/blobs/{DIGEST}", content=model()).raise_for_status()
    body = {"name": "run 7", "files": [{"name": "m.safetensors", "sha256": DIGEST}]}
    return service.client.post("/api/v1/checkpoints", params={"facts": "lr=1e-3"}, json=body, headers=headers)


WAYS = pytest.mark.parametrize("send", [as_bytes, as_form, as_json])


@WAYS
def test_a_checkpoint_with_its_name_and_facts(service: Service, send: Send) -> None:
    answer = send(service, {})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/checkpoints/{answer.json()['id']}"
    service.work()
    found = service.get(answer.headers["location"])
    assert (found["name"], found["state"]) == ("run 7", "ready")
    assert found["facts"]["learning_rate"] == 1e-3


@WAYS
def test_the_same_key_makes_one(service: Service, send: Send) -> None:
    first, again = (send(service, {"Idempotency-Key": "ci-1"}) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(service.get("/api/v1/checkpoints")) == 1
    assert send(service, {}).json()["id"] != first.json()["id"]


@WAYS
def test_a_key_that_came_with_something_else_is_refused(service: Service, send: Send) -> None:
    key = {"Idempotency-Key": "ci-1"}
    service.client.post("/api/v1/checkpoints", content=model(1), headers=key).raise_for_status()
    answer = send(service, key)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-reused")
    assert len(service.get("/api/v1/checkpoints")) == 1


def test_a_put_takes_facts_too(service: Service) -> None:
    asked = {"filename": "m.safetensors", "facts": "wd=0.1"}
    answers = [service.client.put("/api/v1/checkpoints", params=asked, content=model()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json()["facts"]["weight_decay"] == 0.1
    assert service.client.put("/api/v1/checkpoints", params={"facts": "x=1"}, content=model()).status_code == 400


def test_the_same_bytes_under_another_name_or_with_other_facts_are_another_checkpoint(service: Service) -> None:
    def put(**asked: str) -> tuple[int, int]:
        answer = service.client.put("/api/v1/checkpoints", params={"filename": "q", **asked}, content=model())
        return answer.status_code, answer.json()["id"]

    assert put(name="model@main", facts="lr=1e-3") == (201, 1)
    assert put(name="model@pr-1", facts="lr=1e-3") == (201, 2)
    assert put(name="model@main", facts="lr=5e-3") == (201, 3)
    assert put(name="model@main", facts="lr=1e-3") == (200, 1)
    assert put(name="model@pr-1") == (200, 2)
    assert put() == (200, 3)
    assert service.get("/api/v1/checkpoints/2")["name"] == "model@pr-1"


@pytest.mark.parametrize("rewritten", [True, False])
def test_a_put_restores_what_was_lost(service: Service, rewritten: bool) -> None:
    """What the file was rewritten to is no file of the sender's: it is made again, and earlier checkpoints have it."""
    file = io.BytesIO()
    torch.save({"w.weight": torch.randn(24, 16)}, file)
    service.client.put("/api/v1/checkpoints", params={"filename": "m.pt"}, content=file.getvalue()).raise_for_status()
    service.work()
    with service.database.reading() as session:
        checkpoint = checkpoints.get(session, 1)
        digest = checkpoint.rewritten if rewritten else checkpoint.files[0].sha256
    assert digest is not None
    service.storage.path(digest).unlink()
    answer = service.client.put("/api/v1/checkpoints", params={"filename": "m.pt"}, content=file.getvalue())
    assert answer.status_code == 201
    service.work()
    assert service.storage.path(digest).exists()
    again = service.client.put("/api/v1/checkpoints", params={"filename": "m.pt"}, content=file.getvalue())
    assert again.status_code == 200


def test_a_request_without_a_body_is_no_checkpoint(service: Service) -> None:
    answer = service.client.post("/api/v1/checkpoints", params={"name": "run 7"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-upload")
    assert service.get("/api/v1/checkpoints") == []


def test_whether_it_fits_is_asked_in_few_threads(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of uploads that begin at once would otherwise take every thread, and the time of all readers."""
    kinds: list[str] = []

    async def lane(kind: str, call: Callable[[], None]) -> None:
        kinds.append(kind)
        call()

    monkeypatch.setattr("app.api.files.checkpoint_uploads.run_in_lane", lane)
    service.upload(model())
    assert kinds == ["admit"]
