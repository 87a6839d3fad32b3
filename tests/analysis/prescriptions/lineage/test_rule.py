"""Lineage of whole models: copies in every guise, the right base among several, and no claim beyond the numbers."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from analysis.prescriptions.prescription import Prescription
from tests.analysis.prescriptions.golden import llama, members, prescribe, save, told

GOLDEN = told()["lineage"]


def tuned(base: dict[str, Tensor], size: float = 0.02, seed: int = 5) -> dict[str, Tensor]:
    """Every matrix with an update of rank 4 of that relative size."""
    random = torch.Generator().manual_seed(seed)
    found = {}
    for name, tensor in base.items():
        found[name] = tensor
        if tensor.ndim > 1:
            update = torch.randn(len(tensor), 4, generator=random) @ torch.randn(4, tensor.shape[1], generator=random)
            found[name] = tensor + update * (size * tensor.norm() / update.norm())
    return found


def permuted(base: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same function: the hidden units of every MLP in another order."""
    found = dict(base)
    for layer in range(3):
        order = torch.randperm(96, generator=torch.Generator().manual_seed(layer))
        for name in ("gate_proj", "up_proj"):
            found[f"model.layers.{layer}.mlp.{name}.weight"] = base[f"model.layers.{layer}.mlp.{name}.weight"][order]
        down = f"model.layers.{layer}.mlp.down_proj.weight"
        found[down] = base[down][:, order]
    return found


def compared(tmp_path: Path, model: dict[str, Tensor], *candidates: dict[str, Tensor]) -> Prescription:
    paths = [save(each, tmp_path / f"base{at}.safetensors") for at, each in enumerate(candidates)]
    return prescribe("lineage", members(*paths, save(model, tmp_path / "model.safetensors")))


def noisy(base: dict[str, Tensor]) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(9)
    return {n: t + 0.3 * t.std() * torch.randn(t.shape, generator=random) if t.ndim > 1 else t for n, t in base.items()}


def with_norms(base: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor * 1.3 if tensor.ndim == 1 else tensor for name, tensor in base.items()}


def cast(base: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.bfloat16() for name, tensor in base.items()}


@pytest.mark.parametrize(
    ("change", "relation", "hub"),
    [
        (dict, "same", None),
        (cast, "cast", None),
        (tuned, "near", "finetune"),
        (permuted, "permuted", None),
        (noisy, "noise", None),
        (with_norms, "vectors-only", "finetune"),
    ],
)
def test_a_copy_in_every_guise(tmp_path: Path, change: object, relation: str, hub: str | None) -> None:
    assert callable(change)
    found = compared(tmp_path, change(llama()), llama()).answer
    assert (found.extra["relation"], found.extra["base"]) == (relation, "base0")
    card = yaml.safe_load(found.files["model_card.yaml"])
    assert card["base_model"] == "base0"
    assert card.get("base_model_relation") == hub
    json.dumps(found.extra, allow_nan=False)


def test_the_cosine_and_distance_of_a_fine_tune_and_a_permuted_copy(tmp_path: Path) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    near = compared(tmp_path, tuned(llama(), GOLDEN["finetune"]["relative"]), llama())
    assert near.answer.details[name]["relative"] == pytest.approx(GOLDEN["finetune"]["relative"], rel=1e-4)
    assert near.entries[name] > 0.99  # type: ignore[operator]
    other = compared(tmp_path, permuted(llama()), llama())
    assert abs(float(other.entries[name] or 0.0)) < 0.1
    assert other.answer.details[name]["spectrum_distance"] < 1e-12  # type: ignore[operator]


def test_an_unrelated_model_has_no_base(tmp_path: Path) -> None:
    found = compared(tmp_path, llama(seed=1), llama(seed=0)).answer
    assert found.extra["base"] is None
    assert found.extra["candidates"][0]["relation"] == "unrelated"
    assert yaml.safe_load(found.files["model_card.yaml"]) is None
    inside = [(cosine, found.details[name]["chance"]) for name, cosine in found.entries.items()]
    assert sum(abs(cosine) < chance for cosine, chance in inside) >= 0.9 * len(inside)  # type: ignore[arg-type, operator]


def test_the_right_base_among_several(tmp_path: Path) -> None:
    bases = [llama(seed=seed) for seed in range(3)]
    found = compared(tmp_path, tuned(bases[1]), *bases).answer
    assert found.extra["base"] == "base1"
    assert [each["relation"] for each in found.extra["candidates"]] == ["unrelated", "near", "unrelated"]
    assert found.notes[0].startswith("model and base1: the weights agree up to a median distance of 0.02")


def test_two_that_are_as_near_are_not_told_apart(tmp_path: Path) -> None:
    base = llama()
    found = compared(tmp_path, tuned(base), tuned(base, seed=1), tuned(base, seed=2)).answer
    assert found.extra["base"] is None
    assert "to about the same distance" in found.extra["verdict"]


def test_another_architecture_is_an_answer_and_no_error(tmp_path: Path) -> None:
    found = compared(tmp_path, llama(), {"w.weight": torch.randn(5, 4)}, llama()).answer
    assert found.extra["base"] == "base1"
    assert found.extra["candidates"][0]["relation"] == "unlike"


def test_one_layer_only_is_a_suspicion(tmp_path: Path) -> None:
    base = {"w.weight": torch.randn(40, 30, generator=torch.Generator().manual_seed(0))}
    found = compared(tmp_path, tuned(base), base).answer
    assert found.extra["relation"] == "near"
    assert found.notes[0].endswith("(only 1 matrix: a suspicion).")


def test_an_adapter_fits_shapes_and_names_no_base(tmp_path: Path) -> None:
    module = "model.layers.0.self_attn.q_proj"
    factors = {f"base_model.model.{module}.lora_A.weight": torch.randn(2, 64),
               f"base_model.model.{module}.lora_B.weight": torch.randn(64, 2)}  # fmt: skip
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save(factors, folder / "adapter_model.safetensors")
    found = prescribe("lineage", members(save(llama(), tmp_path / "base.safetensors"), folder)).answer
    assert found.extra["base"] is None
    assert found.extra["candidates"][0]["relation"] == "fits"
    assert found.extra["candidates"][0]["relation_on_hub"] == "adapter"
