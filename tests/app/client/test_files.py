"""Which files make a checkpoint, and which are left out."""

from pathlib import Path

import pytest

from analysis.errors import CheckpointError
from app.client.files import choose_files


def test_files_and_folders_are_named_as_a_form_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("a.safetensors", "config.json", "pytorch_model.bin"):
        (folder / name).write_bytes(b"x")
    files, left_out = choose_files([folder, folder / "a.safetensors"])
    assert [name for name, _ in files] == ["model/a.safetensors", "model/config.json", "a.safetensors"]
    assert list(left_out) == ["pytorch_model.bin"]
    assert "safetensors" in left_out["pytorch_model.bin"]


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="contains no checkpoint file"):
        choose_files([tmp_path])
