"""Intake: what the limited child found is stored, whatever the format, and the disk keeps no more than it must."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from app.models import Checkpoint
from tests.service import Service, model, tensors
from workers.ingest import task as intake
from workers.ingest.supervisor import IngestReport, ingest


def take_in(service: Service) -> None:
    intake.ingest_checkpoint(service.database, service.storage, service.settings, 1)


def row(service: Service) -> Checkpoint:
    with service.database.reading() as session:
        return session.get_one(Checkpoint, 1)


def files(service: Service) -> list[Path]:
    return [path for path in service.storage.blobs.rglob("*") if path.is_file()]


def test_safetensors_stay_as_they_are(service: Service) -> None:
    service.upload(model())
    take_in(service)
    assert (row(service).state, row(service).rewritten) == ("ready", None)
    assert len(files(service)) == 1


def test_torch_files_are_rewritten_once_and_go_with_their_checkpoint(service: Service) -> None:
    pickled = io.BytesIO()
    torch.save({"state_dict": tensors()}, pickled)
    service.upload(pickled.getvalue(), "pytorch_model.bin")
    take_in(service)
    digest = row(service).rewritten
    assert digest is not None
    stored = load(service.storage.path(digest).read_bytes())
    assert all(torch.equal(stored[name], tensor) for name, tensor in tensors().items())
    assert len(files(service)) == 2
    service.run(1)
    service.work()
    assert service.get("/api/v1/runs/1/report")["coverage"]["analysed"] == 5
    service.client.delete("/api/v1/checkpoints/1")
    assert files(service) == []
    assert list(service.storage.work.iterdir()) == []


def test_a_rejection_is_final_and_says_why(service: Service) -> None:
    service.upload(b"<!doctype html><title>Sign in</title>")
    take_in(service)
    rejected = row(service)
    assert rejected.state == "rejected"
    assert rejected.reason_code
    take_in(service)
    assert row(service).attempts == rejected.attempts == 1


def test_a_fault_that_is_not_the_files_is_tried_three_times(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(paths: object, target: object, **limits: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.ingest.task.ingest", broken)
    service.upload(model())
    for expected in ("received", "received", "rejected"):
        take_in(service)
        assert row(service).state == expected
    assert row(service).reason_code == "ingest-failed"
    assert "No space left" in (row(service).reason or "")


def test_a_checkpoint_deleted_in_mid_ingest_is_no_fault(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def deleting(paths: list[Path], target: Path, **limits: Any) -> IngestReport:
        found = ingest(paths, target, **limits)
        assert service.client.delete("/api/v1/checkpoints/1").status_code == 204
        return found

    monkeypatch.setattr("workers.ingest.task.ingest", deleting)
    service.upload(model())
    take_in(service)
    assert service.get("/api/v1/checkpoints") == []
    assert files(service) == []
    assert list(service.storage.work.iterdir()) == []
