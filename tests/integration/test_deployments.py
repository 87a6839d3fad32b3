"""Every deployment, end to end with real processes: upload, analyse, follow, stop."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from tests.integration.conftest import Deployment, until
from tests.service import model, tensors

KINDS = ["embedded", "redis", "rabbitmq"]
Deploy = Callable[[str], Deployment]


def heavy() -> bytes:
    """Some ten seconds of work, in tensors of half a second."""
    random = torch.Generator().manual_seed(0)
    return save({f"layers.{n}.q_proj.weight": torch.randn(1400, 1400, generator=random) for n in range(20)})


@pytest.mark.parametrize("kind", KINDS)
def test_a_deployment_does_its_work(deploy: Deploy, kind: str, tmp_path: Path) -> None:
    deployment = deploy(kind)
    native, pickled = tmp_path / "model.safetensors", tmp_path / "pytorch_model.bin"
    native.write_bytes(model(6, 48))
    torch.save(tensors(6, 48), pickled)
    for path in (native, pickled):
        run = deployment.run(deployment.upload(path.read_bytes(), path.name))
        assert deployment.finished(run)["state"] == "done"
        expected = json.loads(json.dumps(analyze(open_checkpoint([path]), requests()).to_json()))
        assert deployment.get(f"runs/{run}/report") == expected

    _hostile_upload_is_refused(deployment)
    _busy_worker_is_healthy_and_can_be_stopped(deployment)


def _hostile_upload_is_refused(deployment: Deployment) -> None:
    checkpoint = deployment.upload(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    until(lambda: deployment.get(f"checkpoints/{checkpoint}")["state"] == "rejected", "it is rejected", 30)
    assert "git-lfs" in deployment.get(f"checkpoints/{checkpoint}")["reason"]["message"]


def _busy_worker_is_healthy_and_can_be_stopped(deployment: Deployment) -> None:
    run = deployment.run(deployment.upload(heavy()))
    until(lambda: deployment.get(f"runs/{run}")["progress"]["done"] >= 1, "a tensor is done", 60)
    health = deployment.client.get("/health")
    assert health.status_code == 200, health.text
    progress = deployment.get(f"runs/{run}")["progress"]
    assert progress["total"] == 20
    assert progress["eta_seconds"] > 0
    asked = time.monotonic()
    assert deployment.client.post(f"/api/v1/runs/{run}/cancel").json()["state"] == "cancelled"
    assert time.monotonic() - asked < 2
    done = deployment.get(f"runs/{run}")["progress"]["done"]
    small = deployment.run(deployment.upload(model(1)))
    assert deployment.finished(small, 20)["state"] == "done"  # so the worker has left the stopped run
    after = deployment.get(f"runs/{run}")
    assert (after["state"], after["progress"]["done"]) == ("cancelled", done)
    assert done < 20


def test_events_come_as_they_happen(deploy: Deploy) -> None:
    deployment = deploy("embedded")
    run = deployment.run(deployment.upload(model(8, 64)))
    kinds: list[str] = []
    with deployment.client.stream("GET", f"/api/v1/runs/{run}/events") as answer:
        kinds += [line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event: ")]
    assert kinds[-1] == "end"
    assert kinds.count("row") == 3 * 17  # spectrum, norms and entries of each matrix
    assert kinds.count("progress") > 1
    assert kinds.index("progress") < len(kinds) - 2


def test_a_sender_that_goes_away_leaves_nothing(deploy: Deploy) -> None:
    import socket

    deployment = deploy("embedded")
    host, port = deployment.client.base_url.host, deployment.client.base_url.port
    assert port is not None
    with socket.create_connection((host, port)) as connection:
        head = f"POST /api/v1/checkpoints HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 50000000\r\n\r\n"
        connection.sendall(head.encode() + bytes(5_000_000))
        incoming = deployment.folder / "incoming"
        until(lambda: [path for path in incoming.iterdir() if path.stat().st_size > 0], "the upload has begun", 10)
    until(lambda: list(incoming.iterdir()) == [], "the half file is gone", 10)
    assert deployment.get("checkpoints") == []


def test_the_worker_is_gone_when_the_service_is_killed(deploy: Deploy) -> None:
    deployment = deploy("embedded")
    processes = deployment.worker_processes()
    assert len(processes) >= 2
    deployment.server.kill()
    deployment.server.wait()
    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in processes), "the worker is gone", 10)
