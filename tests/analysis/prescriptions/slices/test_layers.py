"""Experts of layers and layers of types: copies, unequal numbers, and what cannot be read."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.errors import UnmeasuredLayer
from analysis.formats import open_checkpoint
from analysis.prescriptions.slices.layers import compare_experts, compare_layers, expert_counts, router_cosines
from tests.analysis.prescriptions.golden import llama, save

MLP = "model.layers.0.block_sparse_moe"


def mixture(experts: int = 4, seed: int = 0) -> dict[str, Tensor]:
    """A layer of experts as Mixtral has it; the last is the first with its hidden units in another order."""
    random = torch.Generator().manual_seed(seed)
    found = {f"{MLP}.gate.weight": torch.randn(experts, 16, generator=random)}
    for expert in range(experts):
        for name, shape in (("w1", (24, 16)), ("w2", (16, 24)), ("w3", (24, 16))):
            found[f"{MLP}.experts.{expert}.{name}.weight"] = torch.randn(*shape, generator=random)
    order = torch.randperm(24, generator=random)
    for name in ("w1", "w3"):
        found[f"{MLP}.experts.{experts - 1}.{name}.weight"] = found[f"{MLP}.experts.0.{name}.weight"][order]
    found[f"{MLP}.experts.{experts - 1}.w2.weight"] = found[f"{MLP}.experts.0.w2.weight"][:, order]
    return found


def test_a_permuted_expert_is_found(tmp_path: Path) -> None:
    checkpoint = open_checkpoint([save(mixture(), tmp_path / "m.safetensors")])
    left: list[str] = []
    (found,) = compare_experts(checkpoint, left).values()
    assert left == []
    assert found["experts"] == 4
    assert found["up_to_permutation"][0][3] == pytest.approx(1.0)
    assert abs(found["cosines"][0][3]) < 0.3
    assert found["up_to_permutation"][0][1] < 0.8
    assert found["output_overlap_by_chance"] == 0.5
    assert np.shape(next(iter(router_cosines(checkpoint).values()))) == (4, 4)


def test_experts_of_unequal_number_are_an_error(tmp_path: Path) -> None:
    tensors = mixture()
    del tensors[f"{MLP}.experts.2.w2.weight"]
    checkpoint = open_checkpoint([save(tensors, tmp_path / "m.safetensors")])
    with pytest.raises(UnmeasuredLayer, match=r"has 4 experts of w1\.weight and 3 experts of w2\.weight") as error:
        expert_counts(checkpoint)
    assert error.value.code == "unmeasured-layer"


def test_layers_with_other_numbers_of_experts_are_each_their_own(tmp_path: Path) -> None:
    tensors = mixture() | {name.replace("layers.0", "layers.1"): t for name, t in mixture(3, 1).items()}
    left: list[str] = []
    found = compare_experts(open_checkpoint([save(tensors, tmp_path / "m.safetensors")]), left)
    assert sorted(each["experts"] for each in found.values()) == [3, 4]


def test_an_expert_with_nan_is_named(tmp_path: Path) -> None:
    tensors = mixture()
    tensors[f"{MLP}.experts.1.w1.weight"][0, 0] = torch.nan
    left: list[str] = []
    assert compare_experts(open_checkpoint([save(tensors, tmp_path / "m.safetensors")]), left) == {}
    assert left == [f"{MLP}.experts.1.w1.weight: 1 of 384 values are NaN or infinite"]


def test_layers_of_one_type(tmp_path: Path) -> None:
    tensors = llama(layers=3)
    for layer in (1, 2):
        tensors[f"model.layers.{layer}.mlp.up_proj.weight"] = tensors["model.layers.0.mlp.up_proj.weight"].clone()
    left: list[str] = []
    found = compare_layers(open_checkpoint([save(tensors, tmp_path / "m.safetensors")]), left)
    assert found["mlp.up_proj"]["energy"][0] == pytest.approx(1.0)
    assert abs(found["self_attn.q_proj"]["above_chance"][0]) < 0.1
    assert "" not in found
    one = open_checkpoint([save(llama(layers=1), tmp_path / "one.safetensors")])
    assert compare_layers(one, left) == {}
