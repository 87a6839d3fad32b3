"""Vectors and other small tensors have digests of their values, whatever the type; large matrices have none."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.formats import open_checkpoint
from analysis.formats.effective import digests


def found(folder: Path, **tensors: Tensor) -> dict[str, str]:
    save_file(tensors, folder / "a.safetensors")
    return {info.name: info.digest for info in open_checkpoint([folder / "a.safetensors"]).tensors}


def test_equal_values_have_equal_digests_in_any_float_type(tmp_path: Path) -> None:
    values = torch.tensor([0.5, -2.0, -0.0, float("inf")])
    said = found(tmp_path, a=values, b=values.bfloat16(), c=values.half(), d=values.double(), e=values + 0.5)
    assert said["a"] == said["b"] == said["c"] == said["d"] != said["e"]
    assert len(said["a"]) == 32


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float8_e4m3fn])
def test_every_type_has_one(dtype: torch.dtype, tmp_path: Path) -> None:
    said = found(tmp_path, a=torch.ones(3).to(dtype), b=torch.ones(3).to(dtype), c=torch.zeros(3).to(dtype))
    assert said["a"] == said["b"] != said["c"]


def test_shapes_count_and_measured_matrices_have_none(tmp_path: Path) -> None:
    said = found(tmp_path, a=torch.ones(4), b=torch.ones(4, 1), c=torch.zeros(0), w=torch.randn(64, 32))
    assert len({said["a"], said["b"], said["c"]}) == 3
    assert said["w"] == ""


def test_a_long_tensor_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "LONGEST", 16)
    assert found(tmp_path, a=torch.ones(17), b=torch.ones(16))["a"] == ""
