"""A little checkpoint for the commands."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file


@pytest.fixture
def small(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tensors = {
        "model.layers.0.self_attn.q_proj.weight": torch.randn(64, 48),
        "model.layers.0.mlp.up_proj.weight": torch.randn(96, 48),
        "model.layers.0.input_layernorm.weight": torch.ones(48),
        "model.layers.0.mlp.down_proj.weight": torch.full((48, 96), torch.nan),
    }
    path = tmp_path / "small.safetensors"
    save_file(tensors, path)
    return path
