"""Storage: whole files under their digests, nothing half, nothing outside."""

import errno
import hashlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from app.errors import BlobDamaged, DiskFull
from app.storage import blobs as storage_module
from app.storage.blobs import Incoming, Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


def kept(storage: Storage, content: bytes) -> str:
    incoming = storage.receive()
    incoming.write(content)
    incoming.finish()
    storage.keep(incoming)
    return incoming.sha256


def test_bytes_lie_under_their_digest(storage: Storage) -> None:
    incoming = storage.receive()
    for part in (b"abc", b"", b"def"):
        incoming.write(part)
    incoming.finish()
    storage.keep(incoming)
    assert incoming.bytes == 6
    assert incoming.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    assert storage.path(incoming.sha256).read_bytes() == b"abcdef"
    incoming.discard()  # harmless now
    assert storage.path(incoming.sha256).exists()
    assert list(storage.incoming.iterdir()) == []


def test_what_is_discarded_is_gone(storage: Storage) -> None:
    incoming = storage.receive()
    incoming.write(b"abc")
    incoming.discard()
    assert list(storage.incoming.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_so(storage: Storage, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    incoming = storage.receive()
    monkeypatch.setattr("app.storage.blobs.os.fsync", full)
    with pytest.raises(DiskFull):
        incoming.finish()
    incoming.discard()
    assert list(storage.incoming.iterdir()) == []


def test_another_fault_of_the_disk_is_not_taken_for_a_full_one(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    incoming = storage.receive()
    monkeypatch.setattr("app.storage.blobs.os.fsync", broken)
    with pytest.raises(OSError, match="broken"):
        incoming.finish()
    incoming.discard()


def test_the_kernel_refusing_a_write_leaves_no_half_file(tmp_path: Path) -> None:
    """A real refusal: a process that may write 1 MiB to a file, and is sent 4."""
    code = """
import sys
from io import BytesIO
from pathlib import Path
from app.errors import DiskFull
from app.storage.blobs import Storage
incoming = Storage(Path(sys.argv[1])).receive()
try:
    for _ in range(4):
        incoming.write(bytes(1 << 20))
except DiskFull:
    incoming.discard()
    sys.exit(7)
"""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], preexec_fn=limited, check=False)
    assert done.returncode == 7
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_room_is_asked_for_before_it_is_used(storage: Storage) -> None:
    storage.require(1, 0)
    with pytest.raises(DiskFull, match="kept in reserve"):
        storage.require(storage.free() + 1_000_000_000, 0)


def test_a_file_of_our_own_is_adopted_without_a_copy(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "rewritten"
    path.write_bytes(b"abc")
    inode = path.stat().st_ino
    incoming = Incoming.adopt(path)
    storage.keep(incoming)
    assert storage.path(hashlib.sha256(b"abc").hexdigest()).stat().st_ino == inode
    assert incoming.bytes == 3


NAMES = ["model.safetensors", "../../evil", "/etc/passwd", "a/../b", "a\x00b", "x" * 300, ".hidden", "", "sub/one.bin",
         "sub", "model.safetensors", "ünï", "sub/one.bin/below", "CON"]  # fmt: skip


def test_opened_files_have_harmless_names_in_a_folder_of_their_own(storage: Storage) -> None:
    digests = [kept(storage, bytes([position])) for position in range(len(NAMES))]
    with storage.open_files(zip(NAMES, digests, strict=True)) as paths:
        folder = paths[0].parent
        assert paths[0].name == "model.safetensors"
        assert len(set(paths)) == len(NAMES)
        for position, path in enumerate(paths):
            assert path.resolve().is_relative_to(folder.resolve())
            assert path.read_bytes() == bytes([position])
        assert any(path.relative_to(folder) == Path("sub/one.bin") for path in paths)
    assert list(storage.work.iterdir()) == []


def test_the_one_hidden_file_that_a_checkpoint_has_keeps_its_name(storage: Storage) -> None:
    names = ["run/.metadata", "run/__0_0.distcp"]
    with storage.open_files([(name, kept(storage, name.encode())) for name in names]) as paths:
        assert [path.name for path in paths] == [".metadata", "__0_0.distcp"]


def test_a_folder_of_any_language_keeps_its_names(storage: Storage) -> None:
    names = ["my model/model.safetensors", "my model/config.json", "модель/größe.bin"]
    with storage.open_files([(name, kept(storage, name.encode())) for name in names]) as paths:
        assert [str(path.relative_to(paths[0].parents[1])) for path in paths] == names


def lose(storage: Storage, digest: str) -> None:
    """The file is removed."""
    storage.path(digest).unlink()


def flip(storage: Storage, digest: str) -> None:
    """One bit of the file turns over, and its size stays."""
    content = bytearray(storage.path(digest).read_bytes())
    content[0] ^= 1
    storage.path(digest).write_bytes(content)


@pytest.mark.parametrize("harm", [lose, flip])
def test_a_damaged_file_is_not_opened_and_can_be_sent_again(
    storage: Storage, harm: Callable[[Storage, str], None]
) -> None:
    digest = kept(storage, b"abc")
    harm(storage, digest)
    with pytest.raises(BlobDamaged, match=r"“model.bin”.* Send the same file again") as caught:
        storage.check(digest, "model.bin")
    assert str(storage.path(digest)) not in str(caught.value)
    assert not storage.is_whole(digest, 3)
    assert kept(storage, b"abc") == digest
    with storage.open_files([("model.bin", digest)]) as (path,):
        assert path.read_bytes() == b"abc"


def test_a_file_is_read_once_and_again_when_it_has_changed(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, read = kept(storage, b"abc"), []
    digest_of = hashlib.file_digest

    def file_digest(file: BytesIO, kind: str) -> Any:
        read.append(file)
        return digest_of(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    storage.check(digest, "x")
    storage.check(digest, "x")
    assert len(read) == 1
    flip(storage, digest)
    with pytest.raises(BlobDamaged):
        storage.check(digest, "x")


@pytest.mark.parametrize(
    "names",
    [
        ["again-2", "x", "x"],
        ["x", "x/y", "x", "x/y"],
        ["x/y", "x", "x/y/z"],
        ["file-1", "..", "file-1"],
        [".1/x", "x", "x"],
        ["x"] * 2_000,
    ],
)
def test_names_that_collide_are_told_apart_by_their_position(storage: Storage, names: list[str]) -> None:
    digests = [kept(storage, str(n).encode()) for n in range(len(names))]
    with storage.open_files(zip(names, digests, strict=True)) as paths:
        assert [path.read_text() for path in paths] == [str(n) for n in range(len(names))]


def test_a_name_like_our_own_is_no_collision(storage: Storage) -> None:
    names = ["again-2/x", "x", "x", "again-2/x/y"]
    with storage.open_files([(name, kept(storage, bytes([n]))) for n, name in enumerate(names)]) as paths:
        assert [path.read_bytes() for path in paths] == [bytes([n]) for n in range(len(names))]


def test_what_killed_processes_left_is_removed_when_it_is_old(storage: Storage) -> None:
    (storage.incoming / "fresh").touch()
    (storage.work / "fresh").mkdir()
    for old in (storage.incoming / "old", storage.work / "old" / "deep"):
        old.parent.mkdir(exist_ok=True)
        old.touch()
        ago = time.time() - 2 * storage_module.STALE_WORK
        os.utime(old, (ago, ago))
        os.utime(old.parent, (ago, ago)) if old.parent != storage.incoming else None
    storage.tidy()
    assert [path.name for path in storage.incoming.iterdir()] == ["fresh"]
    assert [path.name for path in storage.work.iterdir()] == ["fresh"]


def test_a_lasting_folder_is_there_until_it_is_dropped(storage: Storage) -> None:
    (storage.lasting("mitigation-1") / "found").touch()
    assert [path.name for path in storage.lasting("mitigation-1").iterdir()] == ["found"]
    storage.drop("mitigation-1")
    storage.drop("mitigation-1")
    assert list(storage.work.iterdir()) == []


def test_what_has_been_there_for_a_while_is_listed(storage: Storage) -> None:
    old, _fresh = kept(storage, b"old"), kept(storage, b"fresh")
    ago = time.time() - 2 * storage_module.STALE_WORK
    os.utime(storage.path(old), (ago, ago))
    assert list(storage.settled_files()) == [(old, 3)]
    storage.remove(old)
    storage.remove(old)
    assert list(storage.settled_files()) == []
