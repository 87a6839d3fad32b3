"""The disk: full is said so, and a write is whole."""

import errno
import os
from pathlib import Path

import pytest

from app.errors import DiskFull
from app.storage.disk import room, write_all


def test_a_full_disk_has_a_name_and_other_faults_keep_theirs() -> None:
    with pytest.raises(DiskFull), room():
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(PermissionError), room():
        raise OSError(errno.EACCES, "no")


def test_everything_is_written_however_little_goes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr("app.storage.disk.os.write", lambda descriptor, data: real(descriptor, data[:3]))
    with (tmp_path / "f").open("wb") as file:
        write_all(file.fileno(), b"abcdefgh")
    assert (tmp_path / "f").read_bytes() == b"abcdefgh"
