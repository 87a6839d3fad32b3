"""The tus 1.0.0 contract, one test for each MUST of the core and of the extensions that are offered.

https://tus.io/protocols/resumable-upload; each docstring says what it asks for.
"""

import base64
import hashlib
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest
from safetensors.torch import save
from sqlalchemy import update

from app.models import Transfer
from app.uploads import resumable as transfers
from tests.service import Service, tensors

URL = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


def b64(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def begin(service: Service, size: int, **headers: str) -> str:
    """The address of a new upload."""
    sent = {**TUS, "Upload-Length": str(size), **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = service.client.post(URL, headers=sent)
    assert answer.status_code == 201, answer.text
    found: str = answer.headers["location"]
    return found


def patch(service: Service, url: str, offset: int, data: bytes, **headers: str) -> httpx2.Response:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.client.patch(url, headers={**PIECE, "Upload-Offset": str(offset), **more}, content=data)


def offset(service: Service, url: str) -> int:
    answer = service.client.head(url, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def partials(service: Service) -> list[str]:
    return [path.name for path in service.storage.partials.folder.iterdir()]


# --- core ------------------------------------------------------------------------------------------------------------


def test_every_answer_bears_the_version(service: Service) -> None:
    """Core: Tus-Resumable MUST be in every response except to OPTIONS."""
    url = begin(service, 4)
    for answer in (
        service.client.head(url, headers=TUS),
        patch(service, url, 0, b"ab"),
        patch(service, url, 9, b"ab"),  # refused
        service.client.get(url, headers=TUS),  # there is no such method
        service.client.head(f"{URL}/{'0' * 32}", headers=TUS),
        service.client.delete(url, headers=TUS),
    ):
        assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", ""])
def test_another_version_is_refused_before_anything_is_done(service: Service, version: str | None) -> None:
    """Core: 412 MUST bear Tus-Version, and the request MUST NOT be processed."""
    url = begin(service, 4)
    headers = {} if version is None else {"Tus-Resumable": version}
    piece = {"Content-Type": PIECE["Content-Type"], "Upload-Offset": "0"}
    for answer in (
        service.client.post(URL, headers={**headers, "Upload-Length": "4"}),
        service.client.head(url, headers=headers),
        service.client.patch(url, headers={**headers, **piece}, content=b"abcd"),
        service.client.delete(url, headers=headers),
    ):
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    assert offset(service, url) == 0
    assert len(partials(service)) == 1


@pytest.mark.parametrize("headers", [{}, {"Tus-Resumable": "9.9.9"}])
def test_options_tell_what_the_server_can_do(service: Service, headers: dict[str, str]) -> None:
    """Core: the answer MUST contain Tus-Version, and the client's Tus-Resumable MUST be ignored."""
    answer = service.client.options(URL, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == str(service.settings.upload_limit)
    extensions = answer.headers["tus-extension"].split(",")
    assert extensions == ["creation", "creation-with-upload", "expiration", "checksum", "termination"]


def test_head_tells_the_offset_always_and_is_never_cached(service: Service) -> None:
    """Core: HEAD MUST always tell Upload-Offset, MUST tell Upload-Length where known, MUST be no-store."""
    url = begin(service, 4)
    for at, data in ((0, b""), (0, b"abc"), (3, b"d")):
        assert patch(service, url, at, data).status_code == 204
        answer = service.client.head(url, headers=TUS)
        assert answer.headers["upload-offset"] == str(at + len(data))
        assert answer.headers["upload-length"] == "4"
        assert answer.headers["cache-control"] == "no-store"


def test_what_is_not_there_has_no_offset(service: Service) -> None:
    """Core: 404, 410 or 403 without Upload-Offset."""
    answer = service.client.head(f"{URL}/{'0' * 32}", headers=TUS)
    assert answer.status_code == 404
    assert "upload-offset" not in answer.headers
    assert patch(service, f"{URL}/{'0' * 32}", 0, b"x").status_code == 404


def test_a_piece_is_added_and_its_end_is_told(service: Service) -> None:
    """Core: PATCH MUST be answered 204 with the new offset, which MUST be the old one and what was stored."""
    url = begin(service, 10)
    for at, data in ((0, b"abc"), (3, b"defg"), (7, b"hij")):
        answer = patch(service, url, at, data)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at + len(data)))
        assert answer.content == b""
    digest = hashlib.sha256(b"abcdefghij").hexdigest()
    assert service.storage.path(digest).read_bytes() == b"abcdefghij"
    assert partials(service) == []


@pytest.mark.parametrize("kind", ["application/octet-stream", "", "text/plain"])
def test_a_piece_has_a_type_of_its_own(service: Service, kind: str) -> None:
    """Core: PATCH MUST be application/offset+octet-stream, else 415."""
    url = begin(service, 4)
    assert patch(service, url, 0, b"abcd", Content_Type=kind).status_code == 415
    assert offset(service, url) == 0


@pytest.mark.parametrize("at", [0, 1, 3, 4])
def test_a_piece_that_begins_elsewhere_changes_nothing(service: Service, at: int) -> None:
    """Core: where offsets differ, 409 MUST come and the upload MUST NOT change."""
    url = begin(service, 4)
    patch(service, url, 0, b"ab")
    assert patch(service, url, at, b"xx"[: 4 - at]).status_code == 409
    assert offset(service, url) == 2
    patch(service, url, 2, b"cd")
    assert service.storage.path(hashlib.sha256(b"abcd").hexdigest()).exists()


@pytest.mark.parametrize("text", ["", "-1", "1.0", "x", "1 2", "9" * 30])
def test_an_offset_or_length_is_a_number(service: Service, text: str) -> None:
    """Core: both MUST be non-negative integers."""
    url = begin(service, 4)
    assert patch(service, url, 0, b"a", Upload_Offset=text).status_code == 400
    assert service.client.post(URL, headers={**TUS, "Upload-Length": text}).status_code == 400
    assert offset(service, url) == 0


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_was_promised_is_not_taken(service: Service, announced: bool) -> None:
    url = begin(service, 4)
    patch(service, url, 0, b"a")
    data: Any = b"bcdef" if announced else iter([b"bc", b"def"])
    answer = service.client.patch(url, headers={**PIECE, "Upload-Offset": "1"}, content=data)
    assert answer.status_code == 413
    assert offset(service, url) == 1


def test_the_method_can_be_overridden(service: Service) -> None:
    """Core: X-HTTP-Method-Override MUST be taken for the method. Here: that of a POST."""
    url = begin(service, 4)
    headers = {**PIECE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = service.client.post(url, headers=headers, content=b"ab")
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "2")
    answer = service.client.post(url, headers={**TUS, "X-HTTP-Method-Override": "HEAD"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, "2")
    assert service.client.post(url, headers=TUS).status_code == 400
    answer = service.client.post(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 204
    assert service.client.head(url, headers=TUS).status_code == 404


# --- creation, with and without upload -------------------------------------------------------------------------------


def test_creation_tells_where_it_is(service: Service) -> None:
    """Creation: 201 MUST come, with Location."""
    answer = service.client.post(URL, headers={**TUS, "Upload-Length": "4"})
    assert answer.status_code == 201
    assert service.client.head(answer.headers["location"], headers=TUS).headers["upload-offset"] == "0"


def test_what_is_too_large_is_refused_at_once(service: Service) -> None:
    """Creation: more than Tus-Max-Size MUST be answered 413."""
    size = service.settings.upload_limit + 1
    answer = service.client.post(URL, headers={**TUS, "Upload-Length": str(size)})
    assert answer.status_code == 413
    assert partials(service) == []


def test_a_length_that_is_told_later_is_not_offered(service: Service) -> None:
    """creation-defer-length is not among the extensions, so a length must come."""
    assert service.client.post(URL, headers={**TUS, "Upload-Defer-Length": "1"}).status_code == 400


def test_what_does_not_fit_on_the_disk_is_not_begun(service: Service) -> None:
    service.client.app.state.settings = service.settings.model_copy(update={"disk_reserve": 1 << 60})  # type: ignore[attr-defined]
    assert service.client.post(URL, headers={**TUS, "Upload-Length": "4"}).status_code == 507
    assert partials(service) == []


def test_metadata_comes_back_as_it_was_given(service: Service) -> None:
    """Creation: HEAD MUST repeat Upload-Metadata as the client gave it."""
    told = f"filename {b64('größe.bin')},is_confidential,note {b64('x')}"
    url = begin(service, 4, Upload_Metadata=told)
    assert service.client.head(url, headers=TUS).headers["upload-metadata"] == told
    assert "upload-metadata" not in service.client.head(begin(service, 4), headers=TUS).headers


@pytest.mark.parametrize("told", [f"a {b64('x')},a {b64('y')}", "a !!!", f"sha256 {b64('short')}", "a " + "A" * 9000])
def test_malformed_metadata_is_refused(service: Service, told: str) -> None:
    """Creation: keys MUST be unique, values MUST be base64."""
    answer = service.client.post(URL, headers={**TUS, "Upload-Length": "4", "Upload-Metadata": told})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-upload")


@pytest.mark.parametrize("data", [b"ab", b"abcd", b""])
def test_first_bytes_may_come_along(service: Service, data: bytes) -> None:
    """Creation with upload: the answer MUST tell Upload-Offset."""
    answer = service.client.post(URL, headers={**PIECE, "Upload-Length": "4"}, content=data)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(len(data)))
    url = answer.headers["location"]
    assert offset(service, url) == len(data)
    if data == b"abcd":
        assert service.storage.path(hashlib.sha256(data).hexdigest()).exists()


def test_an_empty_file_is_whole_at_once(service: Service) -> None:
    url = begin(service, 0)
    assert offset(service, url) == 0
    assert service.storage.path(hashlib.sha256(b"").hexdigest()).exists()


# --- expiration ------------------------------------------------------------------------------------------------------


def test_it_is_told_when_it_expires(service: Service) -> None:
    """Expiration: Upload-Expires MUST be in the answers to POST and PATCH, as an HTTP date."""
    created = service.client.post(URL, headers={**TUS, "Upload-Length": "4"})
    answers = [created, patch(service, created.headers["location"], 0, b"ab")]
    for answer in answers:
        expires = parsedate_to_datetime(answer.headers["upload-expires"]).timestamp()
        assert expires - time.time() == pytest.approx(service.settings.upload_keep_seconds, abs=60)
        assert answer.headers["upload-expires"].endswith(" GMT")


def test_what_has_expired_is_gone(service: Service) -> None:
    """Expiration: 404 or 410 afterwards."""
    url, whole = begin(service, 4), begin(service, 2)
    patch(service, url, 0, b"ab")
    patch(service, whole, 0, b"ab")
    with service.database.writing() as session:
        session.execute(update(Transfer).values(expires_at=1.0))
    assert service.client.head(url, headers=TUS).status_code == 404
    assert patch(service, url, 2, b"cd").status_code == 404
    assert transfers.expire(service.everything, service.storage) == 2
    assert partials(service) == []
    assert not service.storage.path(hashlib.sha256(b"ab").hexdigest()).exists()


# --- checksum --------------------------------------------------------------------------------------------------------


def test_the_algorithms_are_told(service: Service) -> None:
    """Checksum: OPTIONS MUST tell Tus-Checksum-Algorithm, and sha1 MUST be among them."""
    assert service.client.options(URL).headers["tus-checksum-algorithm"].split(",") == ["sha1", "sha256"]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_with_its_checksum_is_taken(service: Service, algorithm: str) -> None:
    url = begin(service, 4)
    for at, data in ((0, b"ab"), (2, b"cd")):
        told = f"{algorithm} {b64(hashlib.new(algorithm, data).digest())}"
        assert patch(service, url, at, data, Upload_Checksum=told).status_code == 204
    assert service.storage.path(hashlib.sha256(b"abcd").hexdigest()).exists()


def test_a_piece_with_another_checksum_is_discarded(service: Service) -> None:
    """Checksum: 460 MUST come, the piece MUST be discarded, the offset MUST NOT move."""
    url = begin(service, 4)
    patch(service, url, 0, b"ab")
    told = f"sha1 {b64(hashlib.sha1(b'cd').digest())}"
    answer = patch(service, url, 2, b"xx", Upload_Checksum=told)
    assert (answer.status_code, answer.json()["code"]) == (460, "checksum-mismatch")
    assert offset(service, url) == 2
    assert patch(service, url, 2, b"cd", Upload_Checksum=told).status_code == 204
    assert service.storage.path(hashlib.sha256(b"abcd").hexdigest()).exists()


@pytest.mark.parametrize("told", ["md5 AAAA", "sha1 !!!", "sha1", "crc"])
def test_a_checksum_that_is_not_understood_is_refused(service: Service, told: str) -> None:
    """Checksum: 400 for an unknown algorithm. A missing digest is another digest."""
    url = begin(service, 4)
    assert patch(service, url, 0, b"ab", Upload_Checksum=told).status_code in (400, 460)
    assert offset(service, url) == 0


# --- termination -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"ab", b"abcd"])
def test_an_upload_can_be_ended(service: Service, data: bytes) -> None:
    """Termination: 204 MUST come, and 404 or 410 ever after."""
    url = begin(service, 4)
    patch(service, url, 0, data)
    assert service.client.delete(url, headers=TUS).status_code == 204
    for answer in (
        service.client.head(url, headers=TUS),
        patch(service, url, 0, b"x"),
        service.client.delete(url, headers=TUS),
    ):
        assert answer.status_code == 404
    assert partials(service) == []
    assert [path for path in service.storage.blobs.rglob("*") if path.is_file()] == []


# --- what tus leaves to us -------------------------------------------------------------------------------------------


def test_a_promised_digest_is_checked(service: Service) -> None:
    right, wrong = (hashlib.sha256(data).hexdigest() for data in (b"abcd", b"else"))
    url = begin(service, 4, Upload_Metadata=f"sha256 {b64(wrong)}")
    answer = patch(service, url, 0, b"abcd")
    assert (answer.status_code, answer.json()["code"]) == (400, "digest-mismatch")
    assert service.client.head(url, headers=TUS).status_code == 404
    assert partials(service) == []
    assert patch(service, begin(service, 4, Upload_Metadata=f"sha256 {b64(right)}"), 0, b"abcd").status_code == 204


def test_only_one_may_add_at_a_time(service: Service) -> None:
    url = begin(service, 4)
    growing = service.storage.partials.open(url.rpartition("/")[2])
    assert patch(service, url, 0, b"ab").json()["code"] == "upload-busy"
    growing.close()
    assert patch(service, url, 0, b"ab").status_code == 204


def test_shards_that_came_in_pieces_make_one_checkpoint(service: Service) -> None:
    files = []
    halves = split(tensors())
    for number, half in enumerate(halves, 1):
        content, name = save(half), f"model-0000{number}-of-00002.safetensors"
        url = begin(service, len(content), Upload_Metadata=f"filename {b64(name)}")
        patch(service, url, 0, content[:1000])
        patch(service, url, 1000, content[1000:])
        files.append({"upload": url.rpartition("/")[2]})
    answer = service.client.post("/api/v1/checkpoints", json={"name": "both", "files": files})
    assert answer.status_code == 201, answer.text
    assert [file["name"] for file in answer.json()["files"]] == [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    for file in files:  # its bytes are the checkpoint's now
        assert service.client.delete(f"{URL}/{file['upload']}", headers=TUS).status_code == 204
    service.run(1)
    service.work()
    assert service.get("/api/v1/checkpoints/1")["state"] == "ready"
    assert service.get("/api/v1/checkpoints/1")["tensors"] == 7


def split(whole: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = sorted(whole)
    return {name: whole[name] for name in names[:3]}, {name: whole[name] for name in names[3:]}


def test_an_upload_that_is_not_whole_makes_no_checkpoint(service: Service) -> None:
    url = begin(service, 4)
    patch(service, url, 0, b"ab")
    asked = {"files": [{"upload": url.rpartition("/")[2]}]}
    answer = service.client.post("/api/v1/checkpoints", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-incomplete")
    assert service.get("/api/v1/checkpoints") == []


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [(b"abc", {"Upload-Checksum": f"sha1 {b64(b'wrong')}"}, 460), (b"abcd", {}, 413)],
)
def test_a_creation_whose_first_piece_fails_leaves_nothing(
    service: Service, data: bytes, headers: dict[str, str], status: int
) -> None:
    """Nobody was told its address, so that nobody could end it."""
    answer = service.client.post(URL, headers={**PIECE, "Upload-Length": "3", **headers}, content=data)
    assert answer.status_code == status, answer.text
    assert partials(service) == []
    with service.database.reading() as session:
        assert session.query(Transfer).count() == 0
