"""A rewrite is whole or absent, aligned, and in the order of its source."""

import json
from pathlib import Path

import pytest
import torch

from analysis.formats import open_checkpoint, rewrite
from analysis.formats.stored import Stored


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    torch.save({"flag": torch.ones(3, dtype=torch.bool), "b": torch.ones(5), "a": torch.ones(2, 2).double()}, path)
    return path


def header(path: Path) -> dict[str, dict[str, list[int]]]:
    content = path.read_bytes()
    found: dict[str, dict[str, list[int]]] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return found


def test_every_tensor_lies_at_a_multiple_of_its_width(source: Path, tmp_path: Path) -> None:
    rewrite(open_checkpoint([source]), tmp_path / "target")
    found = header(tmp_path / "target")
    assert list(found) == ["__metadata__", "flag", "b", "a"]
    assert int.from_bytes((tmp_path / "target").read_bytes()[:8], "little") % 8 == 0
    assert found["a"]["data_offsets"] == [0, 32]
    assert found["b"]["data_offsets"] == [32, 52]
    assert found["flag"]["data_offsets"] == [52, 55]


def test_twice_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        rewrite(open_checkpoint([source]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_rewrite_that_fails_leaves_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Stored) -> None:
        raise OSError(28, "No space left on device")

    checkpoint = open_checkpoint([source])
    monkeypatch.setattr(Stored, "chunks", full)
    with pytest.raises(OSError, match="No space"):
        rewrite(checkpoint, tmp_path / "target")
    assert {path.name for path in tmp_path.iterdir()} == {"source"}


def test_a_dtype_that_safetensors_lacks_is_left_out(tmp_path: Path) -> None:
    torch.save({"z": torch.ones(2, dtype=torch.complex128), "a": torch.ones(2)}, tmp_path / "source")
    checkpoint = open_checkpoint([tmp_path / "source"])
    rewrite(checkpoint, tmp_path / "target")
    assert [info.name for info in checkpoint.tensors] == ["z", "a"]
    assert list(open_checkpoint([tmp_path / "target"]).stored) == ["a"]
