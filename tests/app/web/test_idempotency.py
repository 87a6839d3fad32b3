"""Idempotency-Key over HTTP: every route that creates."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.models import Base, Checkpoint, Key, Run
from tests.mitigations import sent
from tests.service import Service, model

POLICY = {"rules": [{"column": "norms.rank_loss", "max": 0}]}
CREATING = [
    ("/api/v1/runs", {"checkpoints": [1]}, {"checkpoints": [1], "diagnostics": {"norms": {}}}),
    ("/api/v1/runs/1/verdicts", {"policy": POLICY}, {"policy": POLICY, "baseline": 1}),
    ("/api/v1/mitigations", {"base": 1, "tuned": 2}, {"base": 1, "tuned": 2, "lambda": 0.5}),
]


def post(service: Service, path: str, body: Any, key: str = "k") -> Any:
    return service.client.post(path, json=body, headers={"Idempotency-Key": key})


def count(service: Service, kind: type[Base]) -> int:
    with service.everything.reading() as session:
        return session.query(kind).count()


@pytest.fixture
def ready(service: Service) -> Service:
    """A base, an adapter, and a finished run over the base."""
    sent(service)
    service.run(1)
    service.work()
    return service


@pytest.mark.parametrize(("path", "body", "other"), CREATING)
def test_the_same_again_is_answered_alike_and_creates_nothing(ready: Service, path: str, body: Any, other: Any) -> None:
    first, again = (post(ready, path, body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    reused = post(ready, path, other)
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency-key-reused")
    assert post(ready, path, body, "another").json()["id"] != first.json()["id"]


def test_an_upload_is_known_by_the_digests_of_its_files(service: Service) -> None:
    def send(content: bytes, name: str = "a.safetensors") -> Any:
        return service.client.post(
            "/api/v1/checkpoints", params={"filename": name}, content=content, headers={"Idempotency-Key": "k"}
        )

    first, again = send(model()), send(model())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"] == "/api/v1/checkpoints/1"
    assert again.headers["idempotency-replayed"] == "true"
    assert count(service, Checkpoint) == 1
    for other in (send(model(3)), send(model(), "b.safetensors")):
        assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")


def test_a_form_is_known_by_its_fields_too(service: Service) -> None:
    def send(name: str) -> int:
        files = [("files", ("a.safetensors", model()))]
        headers = {"Idempotency-Key": "k"}
        return service.client.post("/api/v1/checkpoints", data={"name": name}, files=files, headers=headers).status_code

    assert [send("x"), send("x"), send("y")] == [201, 201, 409]


def test_what_was_refused_may_be_sent_again(service: Service) -> None:
    assert post(service, "/api/v1/runs", {"checkpoints": [1]}).status_code == 404
    assert count(service, Key) == 0
    service.upload(model())
    assert post(service, "/api/v1/runs", {"checkpoints": [1]}).status_code == 201


def test_many_at_once_create_one_run(service: Service) -> None:
    service.upload(model())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(service, "/api/v1/runs", {"checkpoints": [1]}), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["id"] for answer in answers} == {1}
    assert count(service, Run) == 1


def test_a_key_is_one_s_own_project_s(service: Service) -> None:
    service.upload(model())
    service.client.post("/api/v1/projects", json={"name": "other"})
    assert post(service, "/api/v1/runs", {"checkpoints": [1]}).status_code == 201
    other = service.client.post(
        "/api/v1/runs", json={"checkpoints": [1]},
        headers={"Idempotency-Key": "k", "Eigenscope-Project": "other"},
    )  # fmt: skip
    assert (other.status_code, other.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
def test_a_key_that_is_none(service: Service, key: str) -> None:
    assert post(service, "/api/v1/runs", {"checkpoints": [1]}, key).status_code == 422
