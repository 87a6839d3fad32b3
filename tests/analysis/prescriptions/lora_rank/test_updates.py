"""The updates of an adapter by its factors, of a fine-tune by its difference, and what is refused without its base."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.errors import PackedWeights, WrongBase
from analysis.prescriptions.lora_rank.updates import open_updates
from tests.analysis.mitigation import planted
from tests.analysis.prescriptions.golden import llama, members, save


def test_the_spectrum_of_an_adapter_is_that_of_what_peft_adds(tmp_path: Path) -> None:
    made = planted.adapter(target_modules=["q", "up", "c_fc", "conv", "embed_tokens"], use_rslora=True)
    planted.base(tmp_path / "base")
    planted.adapted(tmp_path / "lora", made)
    wanted = planted.deltas(made)
    found = open_updates(members(tmp_path / "base", tmp_path / "lora"))
    alone = open_updates(members(tmp_path / "lora"))
    assert {update.name for update in found.updates} == set(wanted)
    for update, other in zip(found.updates, alone.updates, strict=True):
        values = torch.linalg.svdvals(wanted[update.name].double().flatten(1))[: update.rank]
        torch.testing.assert_close(update.read()[0].values, values, rtol=1e-5, atol=1e-9)
        torch.testing.assert_close(other.read()[0].values, update.read()[0].values)
    assert {update.name for update in alone.updates} == set(wanted)


def test_a_fine_tune_has_the_difference_as_its_update(tmp_path: Path) -> None:
    base, tuned = llama(seed=1), llama(seed=1)
    name = "model.layers.0.mlp.up_proj.weight"
    tuned[name] = tuned[name] + 0.1 * torch.randn(96, 3) @ torch.randn(3, 64)
    found = open_updates(members(save(base, tmp_path / "a.safetensors"), save(tuned, tmp_path / "b.safetensors")))
    assert "model.embed_tokens.weight" not in {update.name for update in found.updates}
    (update,) = [update for update in found.updates if update.name == name]
    values, edge = update.read()
    assert int((values.values > edge).sum()) == 3


def test_rounding_to_bfloat16_is_below_the_edge(tmp_path: Path) -> None:
    base = llama(seed=2)
    tuned = {name: tensor.bfloat16() for name, tensor in base.items()}
    found = open_updates(members(save(base, tmp_path / "a.safetensors"), save(tuned, tmp_path / "b.safetensors")))
    for update in found.updates:
        values, edge = update.read()
        assert float(values.values[0]) < edge


def test_a_whole_model_needs_its_base(tmp_path: Path) -> None:
    with pytest.raises(WrongBase, match="give its base first"):
        open_updates(members(save(llama(), tmp_path / "a.safetensors")))


def test_an_adapter_that_is_no_plain_lora_needs_its_base(tmp_path: Path) -> None:
    planted.base(tmp_path / "base")
    planted.adapted(tmp_path / "lora", planted.adapter(init_lora_weights="pissa"))
    with pytest.raises(WrongBase, match="began as parts of the base") as refused:
        open_updates(members(tmp_path / "lora"))
    assert refused.value.code == "adapter-alone"
    assert open_updates(members(tmp_path / "base", tmp_path / "lora")).adapter is None


def test_codes_are_no_update(tmp_path: Path) -> None:
    planted.adapted(tmp_path / "lora", planted.adapter())
    path = tmp_path / "lora" / "adapter_model.safetensors"
    tensors = {name: (tensor * 100).to(torch.int8) for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(PackedWeights, match="int8"):
        open_updates(members(tmp_path / "lora")).updates[0].read()
