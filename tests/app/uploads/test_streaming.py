"""Uploads: whatever the body's form and however it is cut into chunks, the files arrive whole or not at all."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadUpload, DiskFull, TooLarge
from app.settings import Settings
from app.storage.blobs import Storage
from app.uploads import streaming as uploads
from app.uploads.streaming import file_name, receive_upload
from tests.service import settings as service_settings

FORM = "multipart/form-data; boundary=limit"
Parts = Sequence[tuple[str, str | None, bytes]]  # field, file name, content


def form(parts: Parts, end: bytes = b"--limit--\r\n") -> bytes:
    body = b""
    for field, name, content in parts:
        named = "" if name is None else f'; filename="{name}"'
        body += f'--limit\r\nContent-Disposition: form-data; name="{field}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    return body + end


async def chunks(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
    yield b""


def send(
    folder: Path, body: bytes, content_type: str, size: int = 1000, length: int | None = None, **values: int
) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    """The upload's files and fields, as they were on the disk; nothing may be left there afterwards."""
    storage, asked = Storage(folder), service_settings(folder, **values)

    async def run() -> tuple[list[tuple[str, bytes]], dict[str, str]]:
        stream = chunks(body, size)
        async with receive_upload(
            stream, storage, asked, content_type=content_type, length=length, filename="m.bin"
        ) as upload:
            for _, incoming in upload.files:
                assert incoming.sha256 == hashlib.sha256(incoming.path.read_bytes()).hexdigest()
            return [(name, incoming.path.read_bytes()) for name, incoming in upload.files], upload.fields

    try:
        return asyncio.run(run())
    finally:
        assert list(storage.incoming.iterdir()) == []


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-www-form-urlencoded", "", "nonsense;;="])
def test_any_other_body_is_one_file(tmp_path: Path, kind: str) -> None:
    assert send(tmp_path, b"abc=def", kind) == ([("m.bin", b"abc=def")], {})


CONTENT = st.binary(max_size=300) | st.sampled_from([b"\r\n--limi", b"\r\n--limit2", b"--limit--", b"\r\n\r\n", b"\r"])
NAMES = st.sampled_from(["a.bin", "d/b.bin", "ü"])
PARTS = st.lists(st.tuples(st.just("files"), NAMES, CONTENT), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.integers(1, 400))
def test_a_form_is_read_however_it_is_cut(tmp_path_factory: pytest.TempPathFactory, parts: Parts, size: int) -> None:
    parts = [part for part in parts if b"\r\n--limit" not in b"\r\n" + part[2]]
    sent = [*parts, ("files", "last", b"x"), ("name", None, "Größe".encode())]
    files, fields = send(tmp_path_factory.mktemp("up"), form(sent), FORM, size)
    assert files == [(name, content) for _, name, content in sent if name is not None]
    assert fields == {"name": "Größe"}


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        (form([("name", None, b"x")]), FORM, "contains no file"),
        (form([("files", "", b"")]), FORM, "contains no file"),
        (form([("files", "a", b"x" * 5000)], end=b""), FORM, "truncated"),
        (b"", FORM, "truncated"),
        (b"nothing of the kind", FORM, "cannot be read"),
        (form([("files", "a", b"")]), "multipart/form-data", "no boundary"),
        (form([("files", "a", b"")]), "multipart/form-data; boundary=" + "x" * 300, "cannot be read"),
        (form([("files", "a", b"")] * 4), FORM, "more than 3 files"),
        (form([("name", None, b"x" * 5000)]), FORM, "more than 4096 bytes"),
        (form([("name", None, b"")] * 101), FORM, "more than 100 fields"),
    ],
)
def test_a_broken_form_leaves_nothing(tmp_path: Path, body: bytes, kind: str, told: str) -> None:
    with pytest.raises(BadUpload, match=told):
        send(tmp_path, body, kind, upload_files=3)


def test_the_limit_holds_for_what_is_announced_and_for_what_comes(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        send(tmp_path, b"x", "", length=11, upload_limit=10)
    with pytest.raises(TooLarge):
        send(tmp_path, b"x" * 11, "", size=3, upload_limit=10)
    assert send(tmp_path, b"x" * 10, "", length=10, upload_limit=10)[0][0][1] == b"x" * 10


def test_what_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(DiskFull):
        send(tmp_path, b"x", "", length=10, disk_reserve=1 << 60)
    with pytest.raises(DiskFull):
        send(tmp_path, b"x", "", disk_reserve=1 << 60)  # its length is not announced


def test_a_sender_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(tmp_path)

    async def stream() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionResetError

    async def run() -> None:
        settings = Settings(data_dir=tmp_path, disk_reserve=0)
        async with receive_upload(stream(), storage, settings, content_type="", length=None, filename=None):
            raise AssertionError("never complete")

    with pytest.raises(ConnectionResetError):
        asyncio.run(run())
    assert list(storage.incoming.iterdir()) == []


@pytest.mark.parametrize("kind", ["", FORM])
def test_a_large_file_is_never_held_in_memory(tmp_path: Path, kind: str) -> None:
    storage, block, blocks = Storage(tmp_path), bytes(1 << 16), 1024  # 64 MiB

    async def stream() -> AsyncIterator[bytes]:
        if kind:
            yield form([("files", "a", b"")], end=b"").removesuffix(b"\r\n")
        for _ in range(blocks):
            yield block
        if kind:
            yield b"\r\n--limit--\r\n"

    async def run() -> int:
        settings = Settings(data_dir=tmp_path, disk_reserve=0)
        async with receive_upload(stream(), storage, settings, content_type=kind, length=None, filename=None) as upload:
            return upload.files[0][1].bytes

    tracemalloc.start()
    assert asyncio.run(run()) == blocks << 16
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * uploads.WRITTEN_AT_ONCE


@pytest.mark.parametrize(
    ("query", "header", "name"),
    [("a.bin", None, "a.bin"), (None, 'attachment; filename="b.bin"', "b.bin"), (None, None, None),
     ("a.bin", 'attachment; filename="b.bin"', "a.bin"), (None, "attachment", None)],
)  # fmt: skip
def test_where_a_raw_body_gets_its_name(query: str | None, header: str | None, name: str | None) -> None:
    assert file_name(query, header) == name
