"""Assembly: checkpoints of what is here."""

import hashlib
from base64 import b64encode

import pytest

from app.errors import DigestMismatch, NotFound, UnknownFile, UploadIncomplete
from app.models import Checkpoint
from app.uploads import assembly
from app.uploads import resumable as transfers
from app.uploads.assembly import Part
from tests.service import Service, model


def made_of(service: Service, name: str | None, parts: list[Part]) -> int:
    located = assembly.locate(service.database, service.storage, parts)
    with service.database.writing() as session:
        return assembly.assemble(session, name, located).id


DIGEST = hashlib.sha256(model()).hexdigest()


def test_an_upload_that_nobody_finished_is_finished(service: Service) -> None:
    """The server was killed after the last byte, and before it was a blob."""
    with service.database.writing() as session:
        made = transfers.begin(session, service.storage, service.settings, name="m.bin", size=len(model()), text="")
    growing = service.storage.partials.open(made.id)
    growing.write(model()[:-1])
    growing.close()
    with pytest.raises(UploadIncomplete):
        made_of(service, None, [Part(None, upload=made.id)])
    growing = service.storage.partials.open(made.id)
    growing.write(model()[-1:])
    growing.close()
    identity = made_of(service, None, [Part(None, upload=made.id)])
    with service.database.reading() as session:
        found = session.get_one(Checkpoint, identity)
        assert [(file.name, file.sha256) for file in found.files] == [("m.bin", DIGEST)]
    assert service.workers.sent == [("ingest", identity)]


def test_what_was_promised_of_an_upload_holds_whoever_finishes_it(service: Service) -> None:
    told = f"sha256 {b64encode(b'0' * 64).decode()}"
    with service.database.writing() as session:
        made = transfers.begin(session, service.storage, service.settings, name="m", size=3, text=told)
    growing = service.storage.partials.open(made.id)
    growing.write(b"abc")
    growing.close()
    with pytest.raises(DigestMismatch):
        made_of(service, None, [Part(None, upload=made.id)])


def test_nothing_is_made_of_what_is_not_here(service: Service) -> None:
    service.upload(model())
    with pytest.raises(UnknownFile, match=r"b\.bin"):
        made_of(service, None, [Part("a", DIGEST), Part("b.bin", "0" * 64)])
    with pytest.raises(NotFound):
        made_of(service, None, [Part("a", upload="0" * 32)])
    assert len(service.get("/api/v1/checkpoints")) == 1


def test_the_same_file_twice_is_two_files(service: Service) -> None:
    service.upload(model())
    identity = made_of(service, "n", [Part("a", DIGEST), Part("b", DIGEST)])
    assert [file["name"] for file in service.get(f"/api/v1/checkpoints/{identity}")["files"]] == ["a", "b"]


def test_what_was_sent_twice_is_found(service: Service) -> None:
    service.upload(model(), "m.safetensors")
    with service.database.reading() as session:
        found = assembly.same(session, "m.safetensors", DIGEST)
        assert found is not None
        assert found.id == 1
        assert assembly.same(session, "other", DIGEST) is None
    service.upload(b"nonsense", "x")
    service.work()
    with service.database.reading() as session:
        assert assembly.same(session, "x", hashlib.sha256(b"nonsense").hexdigest()) is None
