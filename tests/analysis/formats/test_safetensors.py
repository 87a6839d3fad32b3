"""safetensors, against the reference reader. Broken headers are in tests/hostile/."""

import json
import struct
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from analysis.errors import CheckpointError
from analysis.formats import open_checkpoint
from tests.hostile import SAFETENSORS, Hostile


def test_a_real_model(minilm: Path) -> None:
    checkpoint = open_checkpoint([minilm])
    theirs = safetensors.torch.load_file(minilm)
    assert set(checkpoint.stored) == set(theirs)
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in theirs.items())
    assert "format" not in checkpoint.facts


@pytest.mark.parametrize("hostile", SAFETENSORS, ids=lambda hostile: hostile.name)
def test_we_refuse_at_least_what_the_reference_reader_refuses(hostile: Hostile, tmp_path: Path) -> None:
    (path,) = hostile.build(tmp_path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            list(file.keys())
    except safetensors.SafetensorError:
        with pytest.raises(CheckpointError):
            open_checkpoint([path])


def test_metadata_becomes_facts(tmp_path: Path) -> None:
    path = tmp_path / "model"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, {"step": "300", "lr": "1e-4"})
    assert open_checkpoint([path]).facts == {"step": "300", "lr": "1e-4"}


def test_what_torchao_says_of_each_tensor_is_no_fact_of_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model"
    said = {"q.weight": '{"_type": "Int8Tensor", "_data": {}}', "tensor_names": '["q.weight"]', "step": "300"}
    safetensors.torch.save_file({"q.bias": torch.zeros(1)}, path, said)
    assert open_checkpoint([path]).facts == {"step": "300"}


def test_no_metadata_are_none(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": None, "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "model").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert list(safetensors.torch.load_file(tmp_path / "model")) == ["a"]
    assert open_checkpoint([tmp_path / "model"]).facts == {}


def test_halves_of_bytes_are_listed(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F4", "shape": [4, 4], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "model").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    (info,) = open_checkpoint([tmp_path / "model"]).tensors
    assert (info.dtype, info.nbytes) == ("float4_e2m1", 8)
    assert info.skip


def test_a_tensor_of_many_dimensions_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model"
    safetensors.torch.save_file({"a": torch.zeros(2), "odd": torch.zeros([1] * 65)}, path)
    checkpoint = open_checkpoint([path])
    assert list(checkpoint.stored) == ["a"]
    assert checkpoint.aside["odd"].reason == "it has 65 dimensions, and at most 32 are read"
