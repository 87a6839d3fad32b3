"""Which files go to a service."""

import json
from pathlib import Path

import pytest

from analysis.errors import CheckpointError
from app.cli.remote.files import name_upload, to_send


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


@pytest.mark.parametrize(
    ("path", "config", "name"),
    [
        ("runs/tuned", {"_name_or_path": "org/Best"}, "tuned"),
        ("runs/model", {"_name_or_path": "org/Best"}, "Best"),
        ("runs/model", {"name_or_path": "./out/checkpoint-9"}, "out/checkpoint-9"),
        ("runs/model", {}, "runs"),
        ("runs/checkpoint-500", {"_name_or_path": "org/Best"}, "checkpoint-500"),
        ("runs/model.safetensors", {}, "runs"),
        ("runs/model.safetensors", {"_name_or_path": "org/Best"}, "Best"),
        ("runs/tuned.safetensors", {"_name_or_path": "org/Best"}, "tuned.safetensors"),
        ("model/model.safetensors", {}, "model.safetensors"),
    ],
)
def test_a_name_that_every_model_has_is_replaced(tmp_path: Path, path: str, config: dict[str, str], name: str) -> None:
    given = tmp_path / path
    folder = given.parent if given.suffix else given
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    if given.suffix:
        given.write_bytes(b"x")
    assert name_upload([given]) == name
    assert name_upload([given], "mine") == "mine"
