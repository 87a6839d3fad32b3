"""Which files go to a service."""

from pathlib import Path

import pytest

from analysis.errors import CheckpointError
from app.cli.remote.files import to_send


def test_a_folder_is_sent_with_what_a_checkpoint_is_made_of(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors", "config.json", "README.md"):
        (tmp_path / name).write_bytes(b"x")
    assert [name for name, _ in to_send([tmp_path])] == [
        f"{tmp_path.name}/{name}" for name in ("a.safetensors", "b.safetensors", "config.json")
    ]


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="contains no checkpoint file") as told:
        to_send([tmp_path])
    assert told.value.code == "missing-file"
