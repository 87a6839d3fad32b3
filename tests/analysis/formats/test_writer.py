"""The writer: what safetensors' own reader finds in its files."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from analysis.formats import open_checkpoint
from analysis.formats.writer import Writer


def test_what_was_added_is_read_back_by_safetensors(tmp_path: Path) -> None:
    tensors = {
        "second": torch.randn(3, 5),
        "first": torch.randn(7).double(),
        "empty": torch.empty(0, 4),
        "number": torch.tensor(2.5),
        "ünïcode": torch.randn(2, 3).bfloat16(),
    }
    target = tmp_path / "made.safetensors"
    with Writer(target, {name: tensor.ndim for name, tensor in tensors.items()}, {"format": "pt"}) as writer:
        for name in ("first", "second", "empty", "number", "ünïcode"):
            writer.add(name, tensors[name])
    found = load_file(target)
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype for name, tensor in tensors.items()
    )
    with safe_open(target, "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert [each.name for each in open_checkpoint([target]).tensors] == list(tensors)


def test_a_copy_is_bit_for_bit_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    source = tmp_path / "source.safetensors"
    save_file({"w": torch.randn(40, 30), "b": torch.randn(9).half()}, source)
    stored = open_checkpoint([source]).stored
    for number in (1, 2):
        with Writer(tmp_path / f"{number}.safetensors", {"w": 2, "b": 1}, {"from": "source"}) as writer:
            for name in ("w", "b"):
                writer.copy(name, stored[name])
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()
    found, given = load_file(tmp_path / "1.safetensors"), load_file(source)
    assert all(torch.equal(found[name], given[name]) for name in given)


def test_a_name_that_is_announced_and_never_written_is_left_out(tmp_path: Path) -> None:
    with Writer(tmp_path / "made.safetensors", {"a": 1, "b": 1}, {}) as writer:
        writer.add("b", torch.ones(3))
    assert list(load_file(tmp_path / "made.safetensors")) == ["b"]


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def write_twice() -> None:
        with Writer(tmp_path / "m.safetensors", {"a": 1}, {}) as writer:
            writer.add("a", torch.ones(3))
            writer.add("a", torch.ones(3))

    with pytest.raises(ValueError, match="written twice"):
        write_twice()
    assert list(tmp_path.iterdir()) == []
