"""Small tensors with NaN or infinity are counted, whatever their type; whole numbers and large ones are not read.

Gains of norms have their root mean square.
"""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analysis.formats import open_checkpoint
from analysis.formats.effective import broken
from analysis.formats.effective.broken import gain_sizes


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_every_float_type(dtype: torch.dtype, tmp_path: Path) -> None:
    bias, gain = torch.ones(8), torch.ones(1, 8)
    bias[[2, 5]], gain[0, 0] = math.nan, -math.inf
    weight = torch.full((8, 8), math.nan)
    tensors = {"a.bias": bias, "norm.weight": gain, "a.weight": weight, "b.bias": torch.ones(8)}
    save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, tmp_path / "a.safetensors")
    found = open_checkpoint([tmp_path / "a.safetensors"])
    assert found.not_finite == {"a.bias": 2, "norm.weight": 1, "a.weight": 64}
    reasons = {info.name: info.skip for info in found.tensors}
    assert reasons["a.bias"] == "one-dimensional: a bias or a norm gain; 2 of its 8 values are NaN or infinite"
    assert reasons["b.bias"] == "one-dimensional: a bias or a norm gain"
    assert reasons["a.weight"] is None  # the diagnostics say it


def test_whole_numbers_and_large_tensors_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, "LARGEST", 16)
    tensors = {"long": torch.full((32,), math.nan), "ids": torch.arange(8), "wide": torch.full((8, 4), math.nan)}
    save_file(tensors, tmp_path / "a.safetensors")
    assert open_checkpoint([tmp_path / "a.safetensors"]).not_finite == {}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("vit.embeddings.cls_token", (1, 1, 8)),
        ("backbone.layers.0.mixer.D", (8,)),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", (8, 2)),
        ("encoder.layers.0.attention.relative_position_bias_table", (9, 2)),
        ("logit_scale", ()),
        ("masked_spec_embed", (8,)),
        ("model.layers.0.self_attn.sinks", (4,)),
        ("model.layers.0.mlp.experts.gate_up_proj_bias", (4, 8)),
    ],
)
def test_every_parameter_without_rows_says_so(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    tensors = {name: torch.full(shape, math.nan), "model.layers.0.mlp.up_proj.weight": torch.randn(8, 8)}
    save_file(tensors, tmp_path / "a.safetensors")
    reasons = {info.name: info.skip for info in open_checkpoint([tmp_path / "a.safetensors"]).tensors}
    assert str(reasons[name]).endswith(" are NaN or infinite")


@pytest.mark.parametrize(
    "name",
    ["attn.masked_bias", "decoder.attn_mask", "mask.bias", "act.min_val", "quant.observer.max_vals", "h.causal_mask0"],
)
def test_infinity_in_a_mask_or_an_observer_is_none_of_its_faults(name: str, tmp_path: Path) -> None:
    save_file({name: torch.tensor([-math.inf])}, tmp_path / "a.safetensors")
    (info,) = open_checkpoint([tmp_path / "a.safetensors"]).tensors
    assert info.skip is not None
    assert "NaN" not in info.skip


def test_gains_have_a_root_mean_square(tmp_path: Path) -> None:
    tensors = {
        "a.norm.weight": torch.tensor([3.0, 4.0] * 4),
        "b.norm.weight": torch.zeros(8),
        "c.norm.weight": torch.tensor([1e-200, math.inf], dtype=torch.float64),
        "d.norm.weight": torch.tensor([3e-200, 4e-200], dtype=torch.float64),
        "e.norm.weight": torch.ones(8, 8),  # no vector
        "e.norm.bias": torch.ones(8),
    }
    save_file(tensors, tmp_path / "a.safetensors")
    sizes = gain_sizes(open_checkpoint([tmp_path / "a.safetensors"]).stored)
    mean = math.sqrt(12.5)
    assert sizes == pytest.approx(
        {"a.norm.weight": mean, "b.norm.weight": 0.0, "d.norm.weight": 1e-200 * mean}, abs=0.0
    )
