"""Partial files: their length is how far they are, one writer at a time, whatever becomes of it."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import DiskFull, UploadBusy
from app.storage.partial_files import PartialFiles


def add(partials: PartialFiles, name: str, data: bytes) -> int:
    growing = partials.open(name)
    growing.write(data)
    growing.close()
    return growing.offset


def test_they_grow_at_their_end(tmp_path: Path) -> None:
    partials = PartialFiles(tmp_path / "partials")
    assert partials.offset("a") is None
    partials.create("a")
    assert [partials.offset("a"), add(partials, "a", b"abc"), add(partials, "a", b"def")] == [0, 3, 6]
    assert partials.sha256("a") == hashlib.sha256(b"abcdef").hexdigest()
    partials.remove("a")
    partials.remove("a")
    assert partials.offset("a") is None
    with pytest.raises(FileNotFoundError):
        partials.open("a")


def test_the_digest_is_read_again_where_another_process_wrote(tmp_path: Path) -> None:
    one, other = PartialFiles(tmp_path), PartialFiles(tmp_path)
    one.create("a")
    for partials, data in ((one, b"ab"), (other, b"cd"), (one, b"ef")):
        add(partials, "a", data)
        assert partials.recall("a", 99) is None
    assert one.recall("a", 6) is None
    assert one.sha256("a") == other.sha256("a") == hashlib.sha256(b"abcdef").hexdigest()


def test_what_is_taken_back_was_never_there(tmp_path: Path) -> None:
    partials = PartialFiles(tmp_path)
    partials.create("a")
    add(partials, "a", b"ab")
    growing = partials.open("a")
    growing.write(b"xx")
    growing.undo()
    growing.close()
    assert add(partials, "a", b"cd") == 4
    assert partials.recall("a", 4) is not None
    assert partials.sha256("a") == hashlib.sha256(b"abcd").hexdigest()


def test_a_block_that_does_not_fit_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partials, real = PartialFiles(tmp_path), os.write
    partials.create("a")
    growing = partials.open("a")
    growing.write(b"ab")

    def full(descriptor: int, data: memoryview) -> int:
        if len(data) < 3:
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data[:2])

    monkeypatch.setattr("app.storage.disk.os.write", full)
    with pytest.raises(DiskFull):
        growing.write(b"cdef")
    growing.close()
    monkeypatch.undo()
    assert partials.offset("a") == 2
    assert partials.sha256("a") == hashlib.sha256(b"ab").hexdigest()


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    partials = PartialFiles(tmp_path)
    partials.create("a")
    code = f"""
from pathlib import Path
from app.storage.partial_files import PartialFiles
growing = PartialFiles(Path({str(tmp_path)!r})).open("a")
growing.write(b"abc")
print("held", flush=True)
input()
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(UploadBusy):
        partials.open("a")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    assert add(partials, "a", b"def") == 6


def test_only_so_many_digests_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.storage.partial_files.REMEMBERED", 2)
    partials = PartialFiles(tmp_path)
    for name in "abc":
        partials.create(name)
        add(partials, name, name.encode())
    assert [partials.recall(name, 1) is None for name in "abc"] == [True, False, False]
    assert partials.sha256("a") == hashlib.sha256(b"a").hexdigest()
