"""Fetching: block by block, from where it was left, whatever interrupts it; the same path from there on."""

import hashlib
import os
from pathlib import Path

import pytest
from sqlalchemy import update

from app import checkpoints
from app.models import Checkpoint
from app.uploads import sources
from app.work import leases
from tests.places import FakeHub, s3, serving
from tests.service import Service, model
from tests.service import settings as service_settings
from workers.ingest import fetch
from workers.ingest import sources as places
from workers.ingest import task as intake

FILES = {"m.safetensors": model(), "config.json": b'{"hidden_size": 24}'}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BLOCK", 1000)
    monkeypatch.setattr(fetch, "PROGRESS_EVERY", 3000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "run"
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder.parent


def allowing(service: Service, **values: object) -> None:
    service.settings = service.settings.model_copy(update=values)
    service.client.app.state.settings = service.settings  # type: ignore[attr-defined]


def ask(service: Service, source: str) -> int:
    answer = service.client.post("/api/v1/checkpoints", json={"source": source})
    assert answer.status_code == 201, answer.text
    identity: int = answer.json()["id"]
    return identity


def check(service: Service, identity: int) -> None:
    found = service.get(f"/api/v1/checkpoints/{identity}")
    assert found["state"] == "ready", found["reason"]
    digests = {file["name"]: file["sha256"] for file in found["files"]}
    assert digests == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert found["source"]["fetched"] == found["source"]["bytes"] == found["bytes"] == sum(map(len, FILES.values()))
    assert list(service.storage.partials.folder.iterdir()) == []


def test_a_folder(service: Service, root: Path) -> None:
    allowing(service, source_roots=(root,))
    identity = ask(service, f"file://{root}/run")
    service.work()
    check(service, identity)
    (root / "run" / "m.safetensors").write_bytes(b"gone")  # what was fetched stays what it was
    assert service.storage.path(hashlib.sha256(model()).hexdigest()).read_bytes() == model()


def test_a_trainers_folder(service: Service, root: Path) -> None:
    """What its files say is known, its states are not fetched, and the reason is a fact."""
    (root / "run" / "trainer_state.json").write_text('{"global_step": 20}')
    (root / "run" / "optimizer.pt").write_bytes(b"large")
    allowing(service, source_roots=(root,))
    identity = ask(service, f"file://{root}/run")
    service.work()
    found = service.get(f"/api/v1/checkpoints/{identity}")
    assert (found["facts"]["step"], found["facts"]["width"]) == (20, 24)
    assert found["facts"]["ignored_files"] == "optimizer.pt (state of the optimizer)"
    assert [file["name"] for file in found["files"]] == ["m.safetensors", "config.json", "trainer_state.json"]
    assert found["source"]["fetched"] == found["source"]["bytes"] == found["bytes"]


def test_an_object_store(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3(monkeypatch) as bucket:
        import obstore

        for name, content in FILES.items():
            obstore.put(bucket, f"team/run/{name}", content)
        allowing(service, source_stores=("s3://models/team",))
        identity = ask(service, "s3://models/team/run")
        service.work()
        check(service, identity)


def test_the_hub_and_what_breaks_off_goes_on(service: Service) -> None:
    with serving(FakeHub(FILES, cut=4)) as hub:
        allowing(service, source_hub=True, source_hub_endpoint=hub.address)
        identity = ask(service, "hf://org/name@v1")
        service.work()  # breaks off
        assert service.get(f"/api/v1/checkpoints/{identity}")["state"] == "received"
        assert service.storage.partials.offset(sources.partial_name(identity, 0)) == 4000
        hub.cut = None
        service.workers.sent.append(("ingest", identity))
        service.work()
        check(service, identity)
        spans = [span for span in hub.ranges if span[0] == "m.safetensors"]
        assert spans == [("m.safetensors", at, min(at + 1000, len(model()))) for at in range(0, len(model()), 1000)]


class Killed(BaseException):
    """As if the process were gone: nobody tidies up."""


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on(
    service: Service, root: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    allowing(service, source_roots=(root,))
    identity = ask(service, f"file://{root}/run")
    real = os.pread
    read: list[int] = []

    def dies(descriptor: int, count: int, start: int) -> bytes:
        if start >= share * len(model()) and len(read) < 100:
            raise Killed
        read.append(start)
        return real(descriptor, count, start)

    def noted(descriptor: int, count: int, start: int) -> bytes:
        read.append(start)
        return real(descriptor, count, start)

    monkeypatch.setattr(os, "pread", dies)
    with pytest.raises(Killed):
        intake.ingest_checkpoint(service.everything, service.storage, service.settings, identity)
    monkeypatch.setattr(os, "pread", noted)
    with service.everything.writing() as session:
        session.execute(update(Checkpoint).values(lease_until=1.0))
        for checkpoint in leases.lock_expired(session, Checkpoint):
            checkpoints.fail(session, service.settings, checkpoint, "silent")
    service.work()
    check(service, identity)
    assert len(read) == len(set(read)) + 1  # nothing twice, but the first byte of the second file


def rejected(service: Service, identity: int) -> str:
    service.work()
    found = service.get(f"/api/v1/checkpoints/{identity}")
    assert found["state"] == "rejected"
    code: str = found["reason"]["code"]
    return code


def test_what_cannot_be_fetched_is_rejected_with_a_code(service: Service, root: Path) -> None:
    allowing(service, source_roots=(root,))
    (root / "empty").mkdir()
    (root / "out").symlink_to("/etc")
    for path, code in (("nothing", "source-missing"), ("empty", "source-missing"), ("out", "source-outside")):
        assert rejected(service, ask(service, f"file://{root}/{path}")) == code


def test_what_is_too_large_is_not_begun(service: Service, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("nothing should be read")

    monkeypatch.setattr(os, "pread", never)
    for values, code in (
        ({"upload_limit": 100}, "source-too-large"), ({"upload_files": 1}, "source-too-large"),
        ({"disk_reserve": 1 << 60}, "disk-full"),
    ):  # fmt: skip
        service.settings = service_settings(service.settings.data_dir, source_roots=(root,), **values)
        service.client.app.state.settings = service.settings  # type: ignore[attr-defined]
        assert rejected(service, ask(service, f"file://{root}/run")) == code
    assert list(service.storage.partials.folder.iterdir()) == []


def test_a_digest_that_the_hub_promised_is_held_against_what_came(service: Service) -> None:
    with serving(FakeHub(FILES, promised={"m.safetensors": "0" * 64})) as hub:
        allowing(service, source_hub=True, source_hub_endpoint=hub.address)
        assert rejected(service, ask(service, "hf://org/name")) == "source-refused"
    assert list(service.storage.partials.folder.iterdir()) == []


def test_what_is_allowed_no_more_is_not_fetched(service: Service, root: Path) -> None:
    allowing(service, source_roots=(root,))
    identity = ask(service, f"file://{root}/run")
    allowing(service, source_roots=())
    assert rejected(service, identity) == "source-not-allowed"


def test_a_checkpoint_that_is_deleted_meanwhile_is_let_go(service: Service, root: Path) -> None:
    allowing(service, source_roots=(root,))
    identity = ask(service, f"file://{root}/run")
    assert service.client.delete(f"/api/v1/checkpoints/{identity}").status_code == 204
    service.work()
    assert list(service.storage.partials.folder.iterdir()) == []
