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
from analysis.tensors.matching.expert_adapters import expert_partners, is_of_experts
from tests.analysis.tensors.matching.examples import Shapes, member

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


# as PEFT writes it where target_modules="all-linear" meets the fused experts of transformers 5
PATTERNS = {"alpha_pattern": {r".*\.gate_up_proj": 12}, "rank_pattern": {r".*\.gate_up_proj": 4}}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("targets", [["gate_up_proj", "down_proj"], ["down_proj"], ["gate_up_proj"]])
@pytest.mark.parametrize("patterns", [{}, PATTERNS])
@pytest.mark.filterwarnings("ignore:The following rank_pattern keys", "ignore:The following alpha_pattern keys")
def test_the_weights_are_those_that_peft_merges(
    fused: bool, targets: list[str], patterns: dict[str, Any], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    names = [f"mlp.experts.{target}" for target in targets]
    settings: dict[str, Any] = {"r": 2, "lora_alpha": 6, "target_parameters": names, **patterns}
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


@pytest.mark.parametrize(
    ("theirs", "base"),
    [
        ("model.layers.{}.mlp.experts", "model.layers.{}.block_sparse_moe.experts.{}.w1.weight"),  # Mixtral
        ("model.layers.{}.mlp.experts", "model.language_model.layers.{}.mlp.experts.{}.gate_proj.weight"),
        ("model.layers.{}.feed_forward.experts", "language_model.model.layers.{}.feed_forward.experts.{}.w1.weight"),
        ("model.layers.{}.mlp.experts", "thinker.model.layers.{}.mlp.experts.{}.gate_proj.weight"),
    ],
)
def test_a_layer_is_found_by_its_block(theirs: str, base: str) -> None:
    """A layer is renamed as transformers 5 loads it, and a model for images has its text model inside."""
    names: Shapes = {base.format(b, e): (FF, D) for b in range(2) for e in range(E)}
    names |= {f"visual.blocks.{b}.mlp.linear_fc1.weight": (FF, D) for b in range(2)}
    shapes: Shapes = {
        f"base_model.model.{theirs.format(b)}.lora_{side}.weight": shape
        for b in range(2)
        for side, shape in (("A", (2 * E, D)), ("B", (2 * FF, 2 * E)))
    }
    held = member(names).tensors
    found = expert_partners(modules(shapes), {info.called: info for info in held}, shapes)
    assert set(found) == {name for name in names if "expert" in name}
    assert {to: partner.tensors[0] for to, partner in found.items()} == {
        base.format(b, e): f"base_model.model.{theirs.format(b)}.lora_A.weight" for b in range(2) for e in range(E)
    }


def test_a_stack_that_is_a_layer_of_its_own(tmp_path: Path) -> None:
    """GraniteMoe of transformers 4: "input_linear" with a weight of all experts."""
    torch.manual_seed(0)
    name = "model.layers.0.block_sparse_moe.input_linear"
    base, A, B = torch.randn(E, 2 * FF, D), torch.randn(2 * E, D), torch.randn(2 * FF, 2 * E)
    save_file({f"{name}.weight": base}, tmp_path / "base.safetensors")
    (tmp_path / "lora").mkdir()
    factors = {f"base_model.model.{name}.lora_{side}.weight": tensor for side, tensor in (("A", A), ("B", B))}
    save_file(factors, tmp_path / "lora" / "adapter_model.safetensors")
    (tmp_path / "lora" / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 6}')
    checkpoints = [open_checkpoint([tmp_path / each]) for each in ("base.safetensors", "lora")]
    report = compare(checkpoints, requests({"update": {}}, 2), ["base", "lora"])
    change = 3.0 * torch.einsum("ore,erd->eod", B.reshape(2 * FF, 2, E), A.reshape(E, 2, D))
    halves = change.reshape(E, 2, FF, D).norm(dim=(2, 3)) / base.reshape(E, 2, FF, D).norm(dim=(2, 3))
    assert sorted(float(row.value("relative_norm") or 0) for row in report.tables[0].rows) == pytest.approx(
        sorted(halves.flatten().tolist()), rel=1e-4
    )


def test_which_modules_are_of_experts() -> None:
    names = [
        f"base_model.model.mlp.experts.{inner}lora_{side}.weight" for inner in ("", "base_layer.") for side in "AB"
    ]
    found = modules([*names, "base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"])
    assert [(module.layer, module.level, is_of_experts(module)) for module in found] == [
        ("mlp.experts", 0, True), ("mlp.experts", 1, True), ("q", 0, False),
    ]  # fmt: skip
