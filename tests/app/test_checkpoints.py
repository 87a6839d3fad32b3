"""Checkpoints: received, read, refused, deleted; the same bytes once."""

import os
import time
from pathlib import Path

import pytest

from analysis.errors import FactError
from app import checkpoints, retention
from app.checkpoints import clean_name
from app.errors import NotFound
from app.models import Blob, Checkpoint, File, Run
from app.storage.blobs import STALE_WORK, Incoming
from app.work.leases import LeaseLost
from tests.service import Service, model
from workers.ingest import task as intake
from workers.ingest.supervisor import IngestReport


def incoming(service: Service, content: bytes) -> Incoming:
    made = service.storage.receive()
    made.write(content)
    made.finish()
    return made


def stored(service: Service) -> list[Path]:
    return [path for path in service.storage.blobs.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "clean"),
    [("model.bin", "model.bin"), ("a\x00b\u202e\n", "ab"), ("  /etc/passwd/ ", "etc/passwd"), ("", "unnamed"),
     ("C:\\models\\m.bin", "C:/models/m.bin"), ("x" * 300, "x" * 255), ("\ud800", "unnamed"), ("日本", "日本")],
)  # fmt: skip
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def test_a_checkpoint_is_called_after_its_folder_or_its_largest_file(service: Service) -> None:
    small, large = incoming(service, b"1"), incoming(service, b"22")
    with service.database.writing() as session:
        first = checkpoints.receive(session, service.storage, None, [("m/config.json", small), ("m/w.bin", large)])
        assert first.name == "m"
        assert [file.name for file in first.files] == ["m/config.json", "m/w.bin"]
    again = [("a.json", incoming(service, b"1")), ("w.bin", incoming(service, b"22"))]
    with service.database.writing() as session:
        assert checkpoints.receive(session, service.storage, None, again).name == "w.bin"
    assert service.workers.sent == [("ingest", 1), ("ingest", 2)]


def test_the_same_bytes_are_stored_once_and_kept_while_anyone_needs_them(service: Service) -> None:
    for _ in range(2):
        service.upload(model())
    assert len(stored(service)) == 1
    service.client.delete("/api/v1/checkpoints/1")
    assert len(stored(service)) == 1
    service.work()
    assert service.get("/api/v1/checkpoints/2")["state"] == "ready"
    service.client.delete("/api/v1/checkpoints/2")
    assert stored(service) == []
    with service.database.reading() as session:
        assert session.query(Blob).count() == 0


def test_bytes_that_came_back_before_they_were_collected_stay(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        digests = checkpoints.delete(session, 1)
    service.upload(model())
    with service.database.writing() as session:
        retention.collect(session, service.storage, digests)
    assert len(stored(service)) == 1


def test_orphans_are_found(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        checkpoints.delete(session, 1)
    with service.database.writing() as session:
        unused = checkpoints.orphans(session, service.storage)
        retention.collect(session, service.storage, unused)
    assert len(unused) == 1
    assert stored(service) == []


def test_a_file_without_a_row_is_an_orphan_once_it_is_old(service: Service) -> None:
    stray = incoming(service, b"left between the rename and the commit")
    service.storage.keep(stray)
    for ago, expected in ((0.0, 1), (2 * STALE_WORK, 0)):
        moment = time.time() - ago
        os.utime(service.storage.path(stray.sha256), (moment, moment))
        with service.database.writing() as session:
            unused = checkpoints.orphans(session, service.storage)
        with service.database.writing() as session:
            retention.collect(session, service.storage, unused)
        assert len(stored(service)) == expected


def test_a_rejected_checkpoint_fails_the_runs_that_wait_for_it(service: Service) -> None:
    service.upload(b"<html>not found</html>")
    service.run(1)
    service.work()
    found = service.get("/api/v1/checkpoints/1")
    assert found["state"] == "rejected"
    assert found["reason"]["message"]
    run = service.get("/api/v1/runs/1")
    assert run["state"] == "failed"
    assert run["reason"] == found["reason"]


def test_facts_that_json_has_no_number_for_are_absent(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        claimed = checkpoints.claim(session, service.settings, 1)
        assert claimed is not None
        facts = {"learning_rate": float("nan"), "width": 8}
        checkpoints.accept(
            session, 1, claimed.claim, form="safetensors", kind="model", facts=facts, infos=[], rewritten=None
        )
    assert service.get("/api/v1/checkpoints/1")["facts"] == {"learning_rate": None, "width": 8}


def test_three_failed_attempts_reject_it(service: Service) -> None:
    service.upload(model())
    for attempt in range(3):
        with service.database.writing() as session:
            claimed = checkpoints.claim(session, service.settings, 1)
            assert claimed is not None
            assert claimed.attempts == attempt + 1
            checkpoints.fail(session, service.settings, claimed, "The worker died")
    found = service.get("/api/v1/checkpoints/1")
    assert found["reason"] == {"code": "ingest-failed", "message": "The worker died (3 attempts)"}


def test_an_ingest_that_nobody_wants_any_more_leaves_no_bytes(service: Service) -> None:
    service.upload(model(1))
    with service.database.writing() as session:
        claimed = checkpoints.claim(session, service.settings, 1)
    assert claimed is not None
    service.client.delete("/api/v1/checkpoints/1")
    target = service.settings.data_dir / "work" / "rewritten"
    target.write_bytes(b"numbers")
    found = IngestReport("torch-zip", "model", {}, (), True)
    with pytest.raises(LeaseLost):
        intake._accept(service.database, service.storage, service.settings, claimed, found, target)
    assert stored(service) == []


def test_deleting_a_checkpoint_deletes_the_runs_over_it(analysed: Service) -> None:
    assert analysed.client.delete("/api/v1/checkpoints/1").status_code == 204
    with analysed.database.reading() as session:
        assert session.query(Run).count() == session.query(Checkpoint).count() == 0


def sent(*files: tuple[str, int], rewritten: str | None = None) -> Checkpoint:
    held = [File(position=at, name=name, sha256=f"of {name}", bytes=size) for at, (name, size) in enumerate(files)]
    return Checkpoint(files=held, rewritten=rewritten)


def test_files_are_opened_as_they_were_sent() -> None:
    files = ("m/model-1.safetensors", 9), ("m/model.safetensors.index.json", 1)
    assert checkpoints.to_open(sent(*files)) == [(name, f"of {name}") for name, _ in files]


def test_configs_stay_beside_what_was_rewritten() -> None:
    """Those of its own folder, and no index, whose shards are gone."""
    files = [("lora/adapter_model.bin", 9), ("lora/adapter_config.json", 1), ("lora/pytorch_model.bin.index.json", 1),
             ("lora/README.md", 1), ("lora/1_Pooling/config.json", 1)]  # fmt: skip
    assert checkpoints.to_open(sent(*files, rewritten="d")) == [
        ("model.safetensors", "d"), ("adapter_config.json", "of lora/adapter_config.json"),
    ]  # fmt: skip
    loose = [("config.json", 1), ("m.bin", 9)]
    assert checkpoints.to_open(sent(*loose, rewritten="d"))[1:] == [("config.json", "of config.json")]


def test_what_people_state_goes_before_what_the_files_say(service: Service) -> None:
    service.send("m", {"model.safetensors": model(), "config.json": b'{"hidden_size": 24}'})
    service.work()
    with service.database.writing() as session:
        checkpoints.edit(session, 1, " run\n7 ", {"width": 48, "lr": 0.01})
        checkpoints.edit(session, 1, None, {"wd": 0})
    with service.database.reading() as session:
        row = checkpoints.get(session, 1)
        assert (row.name, row.facts) == ("run7", {"width": 24})
        assert row.known == {"width": 48.0, "learning_rate": 0.01, "weight_decay": 0.0}
    with service.database.writing() as session:
        assert checkpoints.edit(session, 1, None, {"width": None, "step": None}).known == {
            "width": 24, "learning_rate": 0.01, "weight_decay": 0.0
        }  # fmt: skip
        with pytest.raises(FactError):
            checkpoints.edit(session, 1, "never", {"learning_rate": -1})
        with pytest.raises(NotFound):
            checkpoints.edit(session, 2, None, {})
    assert service.get("/api/v1/checkpoints/1")["name"] == "run7"


def test_facts_that_came_along_stay_through_the_ingest(service: Service) -> None:
    with service.database.writing() as session:
        files = [("m.safetensors", incoming(service, model()))]
        checkpoints.receive(session, service.storage, None, files, {"learning_rate": 0.5})
    service.work()
    with service.database.reading() as session:
        assert checkpoints.get(session, 1).known == {"learning_rate": 0.5}
