"""Integers of torchao and ModelOpt. Their values are tested in test_tools.py."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analysis.formats import open_checkpoint
from tests.analysis.formats.effective.files import analysed, opened, skipped
from tests.analysis.formats.effective.tools import draw, float_of, grouped, real


def test_a_stack_of_experts_of_modelopt(tmp_path: Path) -> None:
    codes, scale = draw(3, 8, 64) - 8, real(3, 8, 2)
    packed = torch.from_numpy(((codes[:, ::2] & 15) | (codes[:, 1::2] & 15) << 4).astype(np.uint8))
    name = "layers.0.mlp.experts.down_proj.weight"
    found = opened(tmp_path, {name: packed, f"{name}_scale": scale})
    assert analysed(found) == {name: (3, 8, 64)}
    np.testing.assert_allclose(found.read(name), codes * grouped(float_of(scale), 32), rtol=1e-6)


@pytest.mark.parametrize("kind", [torch.float32, torch.int8])
def test_zero_points_of_another_kind_are_listed(kind: torch.dtype, tmp_path: Path) -> None:
    """8 bits have whole zero points, 4 bits have real ones."""
    groups = (8, 2) if kind == torch.float32 else (2, 8)
    tensors = {"q._weight_qdata": torch.ones(8, 64, dtype=torch.int8), "q._weight_scale": real(*groups),
               "q._weight_zero_point": torch.ones(groups).to(kind)}  # fmt: skip
    found = opened(tmp_path, tensors)
    assert analysed(found) == {}
    assert "(torchao)" in skipped(found)["q._weight_qdata"]


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # it is going; its files stay
@pytest.mark.parametrize("layer", [nn.Linear(12, 8), nn.Conv2d(3, 8, 2)])
@pytest.mark.parametrize("by_output", [False, True])
def test_quantised_tensors_of_pytorch(layer: nn.Module, by_output: bool, tmp_path: Path) -> None:
    weight = layer.get_parameter("weight").detach()
    if by_output:
        scales, zeros = torch.rand(8, dtype=torch.float64) * 0.01 + 0.01, torch.arange(8)
        quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    else:
        quantised = torch.quantize_per_tensor(weight, 0.01, 3, torch.qint8)
    torch.save(
        {"fc.weight": quantised, "fc.scale": torch.tensor(0.5), "fc.zero_point": torch.tensor(4)}, tmp_path / "m.pt"
    )
    found = open_checkpoint([tmp_path / "m.pt"])
    assert analysed(found) == {"fc.weight": tuple(weight.shape)}
    torch.testing.assert_close(found.read("fc.weight.qdata"), quantised.dequantize())
    assert set(skipped(found)) == {"fc.weight.scale", "fc.weight.zero_point", "fc.scale", "fc.zero_point"}


def test_powers_of_two_of_torchao_are_listed(tmp_path: Path) -> None:
    """MXTensor may have its scales in the order of a kernel, and its tensors do not tell."""
    tensors = {"q._weight_qdata": torch.randn(8, 64).to(torch.float8_e4m3fn),
               "q._weight_scale": torch.full((8, 2), 127, dtype=torch.uint8).view(torch.float8_e8m0fnu)}  # fmt: skip
    found = opened(tmp_path, tensors)
    assert analysed(found) == {}
    assert "in the order of the kernel" in skipped(found)["q._weight_qdata"]
