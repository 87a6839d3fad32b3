"""The data folder: nobody else reads what lies in it."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage.data_folder import open_data_folder


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_for_this_account_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    open_data_folder(folder)
    (folder / "secret").write_text("s")
    (folder / "inner").mkdir()
    assert (mode(folder), mode(folder / "secret"), mode(folder / "inner")) == (0o700, 0o600, 0o700)


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_data_folder(tmp_path)
    assert mode(tmp_path) == 0o700


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/data"])
def test_a_folder_that_cannot_be_made_is_said_without_a_traceback(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [Path(sys.executable).with_name("eigenscope"), "serve", "--port", "0", "--data-dir", place],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert place in done.stderr


def test_every_command_with_a_data_folder_closes_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [str(Path(sys.executable).with_name("eigenscope")), "token", "list"]
    subprocess.run(command, env={**os.environ, "EIGENSCOPE_DATA_DIR": str(data)}, check=True, timeout=60)
    assert {mode(path) & 0o077 for path in (data, *data.rglob("*"))} == {0}
