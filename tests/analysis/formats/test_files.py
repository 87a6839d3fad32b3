"""Which files make up a checkpoint. Broken indexes are in tests/hostile/."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from analysis.errors import CheckpointError, MissingShard
from analysis.formats import open_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository as it is downloaded: two shards, an index, a config, a tokenizer, and the same for torch."""
    shards = {"model-1.safetensors": {"a": torch.ones(2)}, "model-2.safetensors": {"b": torch.zeros(2)}}
    for name, tensors in shards.items():
        safetensors.torch.save_file(tensors, tmp_path / name)
    weight_map = {tensor: name for name, tensors in shards.items() for tensor in tensors}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (tmp_path / "config.json").write_text('{"hidden_size": 2}')
    (tmp_path / "vocab.txt").write_text("word")
    (tmp_path / "spiece.model").write_bytes(bytes(range(256)))
    torch.save({"other": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    return tmp_path


def test_a_folder_with_an_index(folder: Path) -> None:
    checkpoint = open_checkpoint([folder])
    assert list(checkpoint.stored) == ["a", "b"]
    reason = "pytorch_model.bin (the safetensors files are read instead)"
    assert checkpoint.facts == {"width": 2, "ignored_files": reason}


def test_its_files_given_one_by_one(folder: Path) -> None:
    assert open_checkpoint(sorted(folder.iterdir(), reverse=True)).stored == open_checkpoint([folder]).stored


def test_shards_without_an_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").unlink()
    assert list(open_checkpoint([folder]).stored) == ["a", "b"]


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(MissingShard, match=r"model-2\.safetensors"):
        open_checkpoint([folder])


def test_files_that_did_not_come_along_are_not_looked_for(folder: Path) -> None:
    with pytest.raises(MissingShard, match=r"model-1\.safetensors"):
        open_checkpoint([folder / "model.safetensors.index.json"])


def test_a_shard_in_a_folder_inside(folder: Path) -> None:
    (folder / "part").mkdir()
    (folder / "model-2.safetensors").rename(folder / "part" / "model-2.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace("model-2", "part/model-2"))
    assert list(open_checkpoint([folder]).stored) == ["a", "b"]


def test_shards_that_are_links(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As the Hugging Face cache keeps them."""
    blob = tmp_path_factory.mktemp("blobs") / "abc"
    (folder / "model-1.safetensors").rename(blob)
    (folder / "model-1.safetensors").symlink_to(blob)
    assert list(open_checkpoint([folder]).stored) == ["a", "b"]


def test_a_tensor_in_two_shards_is_taken_from_the_one_that_the_index_names(tmp_path: Path) -> None:
    for number in (1, 2):
        torch.save({"tied": torch.ones(1), f"own{number}": torch.ones(1)}, tmp_path / f"{number}.bin")
    index = {"weight_map": {"tied": "2.bin", "own1": "1.bin", "own2": "2.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    checkpoint = open_checkpoint([tmp_path])
    assert checkpoint.format == "torch-zip"
    assert checkpoint.stored["tied"].path.name == "2.bin"
    assert set(checkpoint.stored) == {"tied", "own1", "own2"}


def test_a_trainers_files_are_left_aside(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    torch.save({"state": {0: torch.ones(1)}}, tmp_path / "optimizer.pt")
    (tmp_path / "rng_state.pth").write_bytes(b"")
    assert list(open_checkpoint([tmp_path]).stored) == ["a"]


def test_nothing_among_many(tmp_path: Path) -> None:
    for name in ("readme.md", "vocab.txt"):
        (tmp_path / name).write_text("text")
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint([tmp_path])
    assert caught.value.code == "unknown-format"


def test_no_file_at_all(tmp_path: Path) -> None:
    for paths in ([], [tmp_path]):
        with pytest.raises(CheckpointError) as caught:
            open_checkpoint(paths)
        assert caught.value.code == "no-tensors"
