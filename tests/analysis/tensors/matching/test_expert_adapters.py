"""LoRA on the parameters of experts, against PEFT's own merge of a small Mixtral-like layer."""

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from analysis.adapters.names import modules
from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from analysis.tensors.matching.expert_adapters import is_of_experts, layer_of

E, FF, D = 3, 10, 6


class Experts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_up_proj = nn.Parameter(torch.randn(E, 2 * FF, D))
        self.down_proj = nn.Parameter(torch.randn(E, D, FF))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Module()
        self.mlp.experts = Experts()


def split(held: dict[str, Tensor]) -> dict[str, Tensor]:
    """The experts apart, as files of Mixtral's kin keep them."""
    found: dict[str, Tensor] = {}
    for e in range(E):
        gate_up = held["mlp.experts.gate_up_proj"][e]
        parts = {"gate_proj": gate_up[:FF], "up_proj": gate_up[FF:], "down_proj": held["mlp.experts.down_proj"][e]}
        found |= {f"mlp.experts.{e}.{what}.weight": tensor.clone() for what, tensor in parts.items()}
    return found


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("targets", [["gate_up_proj", "down_proj"], ["down_proj"], ["gate_up_proj"]])
def test_the_weights_are_those_that_peft_merges(fused: bool, targets: list[str], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    names = [f"mlp.experts.{target}" for target in targets]
    settings: dict[str, Any] = {"r": 2, "lora_alpha": 6, "target_parameters": names}
    tuned: Any = peft.get_peft_model(model, peft.LoraConfig(target_modules=[], **settings))
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter)
    (tmp_path / "lora").mkdir()
    save_file(peft.get_peft_model_state_dict(tuned), tmp_path / "lora" / "adapter_model.safetensors")
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **settings}))
    after = dict(tuned.merge_and_unload().state_dict())
    save_file(before if fused else split(before), tmp_path / "base.safetensors")
    checkpoints = [open_checkpoint([tmp_path / name]) for name in ("base.safetensors", "lora")]
    report = compare(checkpoints, requests({"update": {}}, 2), ["base", "lora"])
    rows = {row.weight.name.removesuffix(".weight"): row.value("relative_norm") for row in report.tables[0].rows}
    old, new = split(before), split(after)
    wanted = {name.removesuffix(".weight"): float((new[name] - old[name]).norm() / old[name].norm()) for name in old}
    changed = {name: value for name, value in wanted.items() if value}
    assert {name: value for name, value in rows.items() if value} == pytest.approx(changed, rel=1e-4)
    assert len(changed) == E * sum(2 if target == "gate_up_proj" else 1 for target in targets)


def test_which_modules_are_of_experts() -> None:
    names = [
        f"base_model.model.mlp.experts.{inner}lora_{side}.weight" for inner in ("", "base_layer.") for side in "AB"
    ]
    found = modules([*names, "base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"])
    assert [(layer_of(module), module.level, is_of_experts(module)) for module in found] == [
        ("mlp.experts", 0, True), ("mlp.experts", 1, True), ("q", 0, False),
    ]  # fmt: skip
