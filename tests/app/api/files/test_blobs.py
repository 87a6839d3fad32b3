"""Blobs over HTTP: asked for by digest, sent once, checked on the way."""

import hashlib

import pytest

from app.storage.blobs import Incoming
from tests.service import Service, model

CONTENT = b"some weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
URL = f"/api/v1/blobs/{DIGEST}"


def stored(service: Service) -> list[str]:
    return [path.name for path in service.storage.blobs.rglob("*") if path.is_file()]


def test_what_is_known_need_not_be_sent(service: Service) -> None:
    assert service.client.head(URL).status_code == 404
    answer = service.client.put(URL, params={"filename": "w.bin"}, content=CONTENT)
    assert (answer.status_code, answer.json()) == (201, {"sha256": DIGEST, "bytes": len(CONTENT)})
    assert service.client.head(URL).status_code == 200
    assert stored(service) == [DIGEST]


def test_a_checkpoints_files_are_known(service: Service) -> None:
    service.upload(model())
    assert service.client.head(f"/api/v1/blobs/{hashlib.sha256(model()).hexdigest()}").status_code == 200


def test_sent_twice_is_read_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.client.put(URL, content=CONTENT)

    def never(self: Incoming, data: bytes) -> None:
        raise AssertionError("nothing should be written")

    monkeypatch.setattr(Incoming, "write", never)
    for headers in ({}, {"Expect": "100-continue"}):
        answer = service.client.put(URL, content=CONTENT, headers=headers)
        assert (answer.status_code, answer.json()["bytes"]) == (200, len(CONTENT))


def test_other_bytes_are_not_kept(service: Service) -> None:
    answer = service.client.put(URL, content=CONTENT + b"!")
    assert (answer.status_code, answer.json()["code"]) == (400, "digest-mismatch")
    assert hashlib.sha256(CONTENT + b"!").hexdigest() in answer.json()["detail"]
    assert service.client.head(URL).status_code == 404
    assert stored(service) == []
    assert list(service.storage.incoming.iterdir()) == []


@pytest.mark.parametrize(("changed", "status"), [({"upload_limit": 5}, 413), ({"disk_reserve": 1 << 60}, 507)])
def test_what_has_no_room_is_refused_before_it_is_read(
    service: Service, monkeypatch: pytest.MonkeyPatch, changed: dict[str, int], status: int
) -> None:
    def never(self: Incoming, data: bytes) -> None:
        raise AssertionError("nothing should be written")

    monkeypatch.setattr(Incoming, "write", never)
    service.client.app.state.settings = service.settings.model_copy(update=changed)  # type: ignore[attr-defined]
    assert service.client.put(URL, content=CONTENT).status_code == status


@pytest.mark.parametrize("digest", ["x", DIGEST[:-1], DIGEST.upper(), DIGEST + "0"])
def test_what_is_no_digest_is_refused(service: Service, digest: str) -> None:
    assert service.client.put(f"/api/v1/blobs/{digest}", content=CONTENT).status_code == 422
    assert service.client.head(f"/api/v1/blobs/{digest}").status_code == 422
