"""Quotas: asked before bytes are taken."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import select

from app.access import projects, quotas
from app.errors import BadRequest, QuotaExceeded
from app.models import Checkpoint
from tests.mitigations import ask, sent
from tests.service import Service, model, settings


def limited(folder: Path, **limits: Any) -> Service:
    return Service(settings(folder, **limits))


def test_usage_is_what_the_project_has(analysed: Service) -> None:
    size = len(model())
    with analysed.database.reading() as session:
        usage = quotas.usage(session)
        assert usage == quotas.Amounts(bytes=size, files=1, tensors=7, runs=0, results=usage.results)
    with analysed.everything.within(2).reading() as session:
        assert quotas.usage(session) == quotas.Amounts()


def test_the_files_of_prescriptions_count(analysed: Service) -> None:
    address = "/api/v1/runs/1/prescriptions"
    with analysed.database.reading() as session:
        before = quotas.usage(session)
    assert analysed.client.post(address, json={"kind": "monitor"}).status_code == 202
    analysed.work()
    sizes = [len(analysed.client.get(f"{address}/1/files/{name}").content) for name in ("monitor.csv", "wandb.jsonl")]
    with analysed.database.reading() as session:
        found = quotas.usage(session)
    assert (found.bytes - before.bytes, found.files - before.files) == (sum(sizes), 2)
    assert analysed.client.delete(f"{address}/1").status_code == 204
    with analysed.database.reading() as session:
        assert quotas.usage(session) == before


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"quota_bytes": 1000}, "1,000 bytes of files"),
        ({"quota_files": 0}, "0 files"),
        ({"quota_tensors": 0}, "0 tensors"),
    ],
)
def test_an_upload_that_does_not_fit_is_refused(tmp_path: Path, limits: dict[str, int], told: str) -> None:
    service = limited(tmp_path, **limits)
    answer = service.client.post("/api/v1/checkpoints", content=model())
    assert (answer.status_code, answer.json()["code"]) == (403, "quota-exceeded")
    assert told in answer.json()["detail"]
    assert not list(service.storage.incoming.iterdir())
    assert service.client.post("/checkpoints", files={"files": model()}).status_code == 403
    service.close()


def test_it_is_refused_before_its_bytes_are_read(tmp_path: Path) -> None:
    service = limited(tmp_path, quota_bytes=10)

    async def receive() -> Any:
        raise AssertionError("the body was read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:8000"), (b"content-length", b"1000")]
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/checkpoints", "raw_path": b"/api/v1/checkpoints",
        "query_string": b"", "headers": headers, "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8000),
        "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    asyncio.run(service.app(scope, receive, send))
    assert sent[0]["status"] == 403
    service.close()


def test_one_that_hides_its_length_is_refused_all_the_same(tmp_path: Path) -> None:
    service = limited(tmp_path, quota_bytes=10)
    answer = service.client.post("/api/v1/checkpoints", content=iter([model()]))
    assert answer.status_code == 403
    assert service.get("/api/v1/checkpoints") == []
    service.close()


def test_runs_that_wait_are_counted(tmp_path: Path) -> None:
    service = limited(tmp_path, quota_runs=1)
    service.upload(model())
    service.run(1)
    answer = service.client.post("/api/v1/runs", json={"checkpoints": [1]})
    assert (answer.status_code, answer.json()["code"]) == (403, "quota-exceeded")
    service.work()
    service.run(1)
    service.close()


def test_a_project_may_have_limits_of_its_own(service: Service) -> None:
    with service.everything.writing() as session:
        project = projects.project_named(session, "default")
        quotas.set_limits(session, project, {"files": 0})
    assert service.client.post("/api/v1/checkpoints", content=model()).status_code == 403
    with service.database.reading() as session:
        allowed = quotas.limits(session)
        assert allowed is not None
        assert allowed.files == 0
        assert allowed.bytes == service.settings.quota_bytes
        with pytest.raises(QuotaExceeded, match="Delete"):
            quotas.admit(session, 1)


@pytest.mark.parametrize("own", [{"files": -1}, {"files": True}, {"disks": 1}, {"bytes": 1.5}])
def test_limits_that_are_none(service: Service, own: dict[str, Any]) -> None:
    with service.everything.writing() as session, pytest.raises(BadRequest, match="whole number"):
        quotas.set_limits(session, projects.project_named(session, "default"), own)


def test_workers_are_not_limited(service: Service) -> None:
    service.everything.limits = None
    with service.everything.within(1).reading() as session:
        quotas.check(session, bytes=10**18)


def test_what_is_rewritten_counts(service: Service) -> None:
    file = io.BytesIO()
    torch.save({"w.weight": torch.randn(64, 64)}, file)
    service.upload(file.getvalue())
    service.work()
    with service.database.reading() as session:
        (rewritten,) = session.scalars(select(Checkpoint.rewritten)).all()
        assert rewritten is not None
        kept = service.storage.path(rewritten).stat().st_size
        assert quotas.usage(session).bytes == len(file.getvalue()) + kept


def test_a_mitigation_counts_before_it_is_made(tmp_path: Path) -> None:
    service = limited(tmp_path, quota_files=3)
    sent(service)
    answer = service.client.post("/api/v1/mitigations", json={"base": 1, "tuned": 2})
    assert (answer.status_code, answer.json()["code"]) == (403, "quota-exceeded")
    service.close()


def test_mitigations_that_were_queued_together_do_not_pass_it_together(tmp_path: Path) -> None:
    """Each had room when it was requested; what the first one made is counted before the second is kept."""
    service = limited(tmp_path)
    sent(service)
    with service.database.reading() as session:
        used = quotas.usage(session).files
    with service.everything.writing() as session:
        quotas.set_limits(session, projects.project_named(session, "default"), {"files": used + 2})
    for strength in (0.5, 0.75):
        ask(service, **{"lambda": strength})
    service.work()
    found = [service.get(f"/api/v1/mitigations/{number}") for number in (1, 2)]
    assert [each["state"] for each in found] == ["done", "failed"]
    assert found[1]["reason"]["code"] == "quota-exceeded"
    service.close()


def test_a_rewrite_that_does_not_fit_is_not_kept(tmp_path: Path) -> None:
    """A small file of which a large one would be kept."""
    file = io.BytesIO()
    torch.save({"w": torch.zeros(1).expand(300, 300)}, file)
    service = limited(tmp_path, quota_bytes=len(file.getvalue()) + 1000)
    service.upload(file.getvalue())
    service.work()
    found = service.get("/api/v1/checkpoints/1")
    assert (found["state"], found["reason"]["code"]) == ("rejected", "quota-exceeded")
    assert len([path for path in service.storage.blobs.rglob("*") if path.is_file()]) == 1
    service.close()
