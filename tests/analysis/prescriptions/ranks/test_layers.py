"""Which matrices have a rank to choose."""

from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.errors import UnmeasuredLayer, WrongBase
from analysis.prescriptions.ranks.layers import read_layers
from tests.analysis.prescriptions.golden import llama, members, model, save


def test_the_blocks_of_a_model_and_not_its_embedding() -> None:
    layers = read_layers(model())
    assert len(layers) == 28
    assert all(layer.info.depth is not None for layer in layers)
    by_name = {layer.name: layer for layer in layers}
    down = by_name["model.layers.0.mlp.down_proj.weight"]
    assert (down.rows, down.columns, down.sides, len(down.values)) == (96, 256, 352, 96)
    assert np.all(np.diff(down.values) <= 0)


def test_all_matrices_where_there_are_no_blocks(tmp_path: Path) -> None:
    tensors = {name: torch.randn(12, 8) for name in ("first.weight", "second.weight")}
    assert len(read_layers(members(save(tensors, tmp_path / "m.safetensors")))) == 2


def test_a_layer_with_nan_is_an_error_that_names_it(tmp_path: Path) -> None:
    tensors = llama()
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = torch.inf
    with pytest.raises(UnmeasuredLayer, match=r"layers\.1\.mlp\.up_proj\.weight: 1 of 6144 values are NaN or infinite"):
        read_layers(members(save(tensors, tmp_path / "m.safetensors")))


def test_a_file_without_matrices_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnmeasuredLayer, match="no matrix whose rank"):
        read_layers(members(save({"norm.weight": torch.ones(8)}, tmp_path / "m.safetensors")))


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    factors = {
        f"base_model.model.q.lora_{side}.weight": torch.randn(*shape) for side, shape in (("A", (2, 8)), ("B", (8, 2)))
    }
    (tmp_path / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q"]}'
    )
    with pytest.raises(WrongBase) as error:
        read_layers(members(save(factors, tmp_path / "adapter_model.safetensors")))
    assert error.value.code == "adapter-alone"
