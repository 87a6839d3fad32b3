"""Transfers: finished once, whenever the process dies; gone when their time is up, with what nobody else needs."""

import hashlib
import os
from base64 import b64encode

import pytest
from sqlalchemy import select, update

from app.errors import DigestMismatch, NotFound, UploadIncomplete
from app.models import Blob, Transfer
from app.uploads import resumable as transfers
from tests.service import Service, model
from workers.sweeper import tidy


def begun(service: Service, content: bytes, here: int | None = None, told: str = "") -> Transfer:
    with service.database.writing() as session:
        made = transfers.begin(session, service.storage, service.settings, name="w.bin", size=len(content), text=told)
    growing = service.storage.partials.open(made.id)
    growing.write(content[:here])
    growing.close()
    return made


def blobs(service: Service) -> list[str]:
    return [path.name for path in service.storage.blobs.rglob("*") if path.is_file()]


def partials(service: Service) -> list[str]:
    return [path.name for path in service.storage.partials.folder.iterdir()]


def test_a_whole_one_becomes_a_blob(service: Service) -> None:
    made = begun(service, b"abc")
    digest = transfers.finish(service.database, service.storage, made)
    assert digest == hashlib.sha256(b"abc").hexdigest()
    assert (blobs(service), partials(service)) == ([digest], [])
    with service.database.reading() as session:
        found = transfers.get(session, made.id)
        assert transfers.offset(service.storage, found) == 3
        assert transfers.known_size(session, digest) == 3
    assert transfers.finish(service.database, service.storage, found) == digest


def test_one_that_is_not_whole_does_not(service: Service) -> None:
    with pytest.raises(UploadIncomplete, match="2 of 3"):
        transfers.finish(service.database, service.storage, begun(service, b"abc", 2))


def test_killed_before_the_commit_it_is_finished_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    made = begun(service, b"abc")
    real = service.storage.keep_partial

    def dies(name: str, sha256: str) -> None:
        real(name, sha256)
        raise KeyboardInterrupt

    monkeypatch.setattr(service.storage, "keep_partial", dies)
    with pytest.raises(KeyboardInterrupt):
        transfers.finish(service.database, service.storage, made)
    monkeypatch.undo()
    with service.database.reading() as session:
        found = transfers.get(session, made.id)
    assert (found.sha256, transfers.offset(service.storage, found)) == (None, 3)
    digest = transfers.finish(service.database, service.storage, found)
    assert service.storage.path(digest).read_bytes() == b"abc"


@pytest.mark.parametrize("read", [False, True])
def test_of_two_that_finish_it_at_once_both_have_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, read: bool
) -> None:
    """The other one is done after this one has seen an unfinished row, before it has read the file or after."""
    made = begun(service, b"abc")
    real = service.storage.partials.sha256

    def overtaken(name: str) -> str:
        monkeypatch.undo()
        before = real(name) if read else None
        transfers.finish(service.database, service.storage, made)
        return before or real(name)

    monkeypatch.setattr(service.storage.partials, "sha256", overtaken)
    digest = transfers.finish(service.database, service.storage, made)
    assert digest == hashlib.sha256(b"abc").hexdigest()
    assert transfers.finish(service.database, service.storage, made) == digest


def test_a_disk_without_links_renames(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.hardlink_to", cannot)
    digest = transfers.finish(service.database, service.storage, begun(service, b"abc"))
    assert service.storage.path(digest).read_bytes() == b"abc"


def test_a_broken_promise_is_not_kept(service: Service) -> None:
    made = begun(service, b"abc", told=f"sha256 {b64encode(b'0' * 64).decode()}")
    with pytest.raises(DigestMismatch):
        transfers.finish(service.database, service.storage, made)
    with service.database.reading() as session, pytest.raises(NotFound):
        transfers.get(session, made.id)
    assert blobs(service) == partials(service) == []


def test_what_has_expired_goes_and_what_is_used_stays(service: Service) -> None:
    kept, gone, half = begun(service, model()), begun(service, b"abc"), begun(service, b"abcd", 2)
    for each in (kept, gone):
        transfers.finish(service.database, service.storage, each)
    service.client.post("/api/v1/checkpoints", json={"files": [{"upload": kept.id}]})
    assert transfers.expire(service.everything, service.storage) == 0
    with service.database.writing() as session:
        session.execute(update(Transfer).values(expires_at=1.0))
    assert transfers.expire(service.everything, service.storage) == 3
    assert partials(service) == []
    assert blobs(service) == [hashlib.sha256(model()).hexdigest()]
    assert half.id not in partials(service)
    with service.database.reading() as session:
        assert session.scalars(select(Blob.sha256)).all() == blobs(service)


def test_bytes_of_a_waiting_transfer_are_no_orphans(service: Service) -> None:
    service.upload(model())
    digest = hashlib.sha256(model()).hexdigest()
    service.client.put(f"/api/v1/blobs/{digest}", content=model())
    transfers.finish(service.database, service.storage, begun(service, model()))
    service.client.delete("/api/v1/checkpoints/1")
    tidy(service.everything, service.storage)
    assert blobs(service) == [digest]


def test_partial_files_of_nobody_are_tidied(service: Service) -> None:
    mine = begun(service, b"abc", 1)
    service.upload(model())  # waits for its ingest
    for name in ("stray", "source-1-0", "source-99-0"):
        service.storage.partials.create(name)
    tidy(service.everything, service.storage)
    assert len(partials(service)) == 4  # whose transactions may be under way
    for path in service.storage.partials.folder.iterdir():
        os.utime(path, (1, 1))
    tidy(service.everything, service.storage)
    assert sorted(partials(service)) == sorted([mine.id, "source-1-0"])
