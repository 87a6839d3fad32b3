"""Vectors with NaN or infinity are counted, whatever their type; matrices, whole numbers and long ones are not read."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analysis.formats import open_checkpoint
from analysis.formats.effective import broken


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_vectors_of_every_float_type(dtype: torch.dtype, tmp_path: Path) -> None:
    bias, gain = torch.ones(8), torch.ones(1, 8)
    bias[[2, 5]], gain[0, 0] = math.nan, -math.inf
    weight = torch.full((8, 8), math.nan)
    tensors = {"a.bias": bias, "norm.weight": gain, "a.weight": weight, "b.bias": torch.ones(8)}
    save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, tmp_path / "a.safetensors")
    found = open_checkpoint([tmp_path / "a.safetensors"])
    assert found.not_finite == {"a.bias": 2, "norm.weight": 1}
    reasons = {info.name: info.skip for info in found.tensors}
    assert reasons["a.bias"] == "one-dimensional: a bias or a norm gain; 2 of its 8 values are NaN or infinite"
    assert reasons["b.bias"] == "one-dimensional: a bias or a norm gain"
    assert reasons["a.weight"] is None  # the diagnostics say it


def test_what_is_no_vector_of_floats_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, "LONGEST", 16)
    tensors = {"long": torch.full((32,), math.nan), "ids": torch.arange(8), "mask.bias": torch.full((4, 4), math.nan)}
    save_file(tensors, tmp_path / "a.safetensors")
    assert open_checkpoint([tmp_path / "a.safetensors"]).not_finite == {}


def test_infinity_in_a_mask_is_none_of_its_faults(tmp_path: Path) -> None:
    save_file({"attn.masked_bias": torch.tensor([-math.inf])}, tmp_path / "a.safetensors")
    (info,) = open_checkpoint([tmp_path / "a.safetensors"]).tensors
    assert info.skip is not None
    assert "NaN" not in info.skip
