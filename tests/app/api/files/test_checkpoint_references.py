"""Checkpoints without bytes: of files that are here, or of a source."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save

from tests.service import Service, model, tensors

DIGEST = hashlib.sha256(model()).hexdigest()
FILE = {"name": "m.safetensors", "sha256": DIGEST}


def post(service: Service, asked: Any, **parameters: str) -> Any:
    return service.client.post("/api/v1/checkpoints", json=asked, params=parameters)


def test_a_checkpoint_is_made_of_known_files(service: Service) -> None:
    service.client.put(f"/api/v1/blobs/{DIGEST}", params={"filename": "sent.safetensors"}, content=model())
    answer = post(service, {"name": "again", "files": [FILE]})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/api/v1/checkpoints/1"
    assert (answer.json()["name"], answer.json()["bytes"]) == ("again", len(model()))
    service.work()
    assert service.get("/api/v1/checkpoints/1")["state"] == "ready"


def test_the_files_of_another_checkpoint_can_be_used(service: Service) -> None:
    service.upload(model())
    assert post(service, {"files": [FILE]}, name="from the address").json()["name"] == "from the address"
    service.client.delete("/api/v1/checkpoints/1")
    service.work()
    assert service.get("/api/v1/checkpoints/2")["state"] == "ready"


def test_what_is_not_here_is_named(service: Service) -> None:
    answer = post(service, {"files": [FILE]})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-file")
    assert f"/api/v1/blobs/{DIGEST}" in answer.json()["detail"]
    assert post(service, {"files": [{"upload": "0" * 32}]}).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {}, [], {"files": []}, {"files": [{}]}, {"files": [{**FILE, "upload": "0" * 32}]}, {"files": [{"sha256": "x"}]},
        {"source": ""}, {"source": "file:///m", "files": [FILE]}, {"name": "x" * 300, "files": [FILE]},
        {"files": [FILE], "x": 1}, {"files": [{"name": 1, "sha256": DIGEST}]}, {"files": [FILE] * 1001},
    ],
)  # fmt: skip
def test_malformed_json_is_refused(service: Service, asked: Any) -> None:
    answer = post(service, asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_what_is_no_json_is_refused(service: Service) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    answer = service.client.post("/api/v1/checkpoints", content=b"{", headers=headers)
    assert answer.status_code == 422
    answer = service.client.post("/api/v1/checkpoints", content=b" " * 1_100_000, headers=headers)
    assert answer.status_code == 413


def test_sources_are_off(service: Service, tmp_path: Path) -> None:
    for source in (f"file://{tmp_path}", "s3://bucket/key", "hf://org/name"):
        answer = post(service, {"source": source})
        assert (answer.status_code, answer.json()["code"]) == (403, "source-not-allowed")
    assert post(service, {"source": "http://169.254.169.254/latest"}).json()["code"] == "bad-source"


def test_a_source_becomes_a_checkpoint(service: Service, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.safetensors").write_bytes(model())
    allowed = {"source_roots": (tmp_path / "models",)}
    service.settings = service.settings.model_copy(update=allowed)
    service.client.app.state.settings = service.settings  # type: ignore[attr-defined]
    url = f"file://{tmp_path}/models"
    answer = post(service, {"source": url})
    assert answer.status_code == 201, answer.text
    assert answer.json()["source"] == {"url": url, "bytes": None, "fetched": 0}
    service.run(1)
    service.work()
    found = service.get("/api/v1/checkpoints/1")
    assert (found["state"], found["name"], found["bytes"]) == ("ready", "models", len(model()))
    assert found["source"] == {"url": url, "bytes": len(model()), "fetched": len(model())}
    assert service.get("/api/v1/runs/1")["state"] == "done"
    assert service.storage.path(DIGEST).read_bytes() == model()


def test_plain_put_is_idempotent(service: Service) -> None:
    first, second = (
        service.client.put("/api/v1/checkpoints", params={"filename": "m.safetensors"}, content=model())
        for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    other = service.client.put("/api/v1/checkpoints", params={"filename": "n.safetensors"}, content=model())
    assert (other.status_code, other.json()["id"]) == (201, 2)


def with_average() -> bytes:
    """Weights, and their running average beside them."""
    weights = tensors()
    return save(weights | {f"ema.{name}": tensor + 1 for name, tensor in weights.items()})


def test_a_copy_in_stored_files_is_a_checkpoint_of_its_own(service: Service) -> None:
    service.upload(with_average())
    files = [{"name": "m.safetensors", "sha256": hashlib.sha256(with_average()).hexdigest()}]
    assert service.get("/api/v1/checkpoints/1")["part"] is None
    assert post(service, {"name": "average", "files": files, "part": "ema"}).json()["part"] == "ema"
    service.run(1, 2)
    service.work()
    assert service.get("/api/v1/checkpoints/2")["state"] == "ready"
    report = service.get("/api/v1/runs/1/report")
    assert {row["tensor"] for row in report["tables"]["update"]} == {n for n, t in tensors().items() if t.ndim > 1}


def test_a_copy_that_is_not_in_the_files_is_named(service: Service) -> None:
    service.upload(with_average())
    files = [{"name": "m.safetensors", "sha256": hashlib.sha256(with_average()).hexdigest()}]
    post(service, {"files": files, "part": "teacher"})
    service.work()
    there = service.get("/api/v1/checkpoints/2")
    assert there["state"] == "rejected"
    assert "no part \u201cteacher\u201d in it; its copies are: ema" in there["reason"]["message"]


def test_the_same_file_sent_again_is_the_weights_and_not_the_copy(service: Service) -> None:
    service.upload(with_average())
    files = [{"name": "m.safetensors", "sha256": hashlib.sha256(with_average()).hexdigest()}]
    post(service, {"files": files, "part": "ema"})
    answer = service.client.put("/api/v1/checkpoints", params={"filename": "m.safetensors"}, content=with_average())
    assert answer.json()["part"] is None
