"""The rule: the authors' allocation by block and by matrix, and a recipe whose list fits its targets."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from analysis.errors import PrescriptionError, UnmeasuredLayer
from analysis.prescriptions.naming import module_of
from tests.analysis.prescriptions.golden import llama, members, model, prescribe, save, told

ALPHAPRUNING = told()["alphapruning"]
NAMES = {"alpha_mid": "alpha_hill_median", "alpha_peak": "alpha_peak", "block_wise": "block", "layer_wise": "matrix"}
WITHIN = [case for case in ALPHAPRUNING["cases"] if max(case["ratios"]) <= 0.99]


def modifier(content: bytes) -> Mapping[str, Any]:
    """As Recipe.from_dict of llm-compressor 0.14 finds it: in a stage, in a group, and nowhere else."""
    found = [
        given
        for stage, groups in yaml.safe_load(content).items() if stage.endswith("_stage")
        for group, given in groups.items() if group.endswith("_modifiers")
    ]  # fmt: skip
    only: Mapping[str, Any] = found[0]["SparseGPTModifier"]
    return only


@pytest.mark.parametrize("case", WITHIN, ids=lambda c: f"{c['metric']}-{c['sparsity']}-{c['mapping']}")
def test_the_allocation_is_that_of_the_authors(case: Mapping[str, Any]) -> None:
    estimator, per = NAMES[case["metric"]], NAMES[case["mapping"]]
    found = prescribe(
        "sparsity", model(), target=case["sparsity"], epsilon=case["epsilon"], estimator=estimator, per=per
    )
    values = {module_of(name): value for name, value in found.entries.items()}
    assert [values[name] for name in ALPHAPRUNING["order"]] == pytest.approx(case["ratios"], abs=1e-4)
    assert list(values) == ALPHAPRUNING["order"]
    assert found.answer.estimator == estimator


def test_a_high_target_is_met_within_the_cap() -> None:
    found = prescribe("sparsity", model(), target=0.9, epsilon=0.3, per="matrix")
    sizes = {info.name: info.size for info in model().checkpoints[0].tensors}
    total = sum(sizes[name] for name in found.entries)
    mean = sum(float(value or 0.0) * sizes[name] for name, value in found.entries.items()) / total
    assert mean == pytest.approx(0.9, abs=1e-9)
    assert max(float(value or 0.0) for value in found.entries.values()) <= 0.99
    assert found.answer.extra["capped"]


def test_the_recipe_lists_blocks_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    found = prescribe("sparsity", members(save(llama(layers=12), tmp_path / "m.safetensors")))
    told_ = modifier(found.answer.files["llm_compressor.yaml"])
    assert told_["targets"] == [f"model.layers.{n}" for n in range(12)]
    assert told_["targets"] != sorted(told_["targets"])
    assert len(told_["sparsity"]) == len(told_["targets"])
    assert told_["ignore"] == ["re:.*lm_head"]


def test_only_matrices_in_blocks_are_pruned(tmp_path: Path) -> None:
    tensors = llama() | {"model.layers.0.mlp.gate.weight": torch.randn(8, 64)}
    found = prescribe("sparsity", members(save(tensors, tmp_path / "m.safetensors")))
    assert {name.split(".")[-2] for name in found.entries} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip


def test_the_array_is_in_the_order_of_the_modules() -> None:
    found = prescribe("sparsity", model())
    array = np.load(io.BytesIO(found.answer.files["alpha_peak.npy"]))
    wanted = dict(zip(told()["alpha"]["names"], told()["alpha"]["alpha_peak"], strict=True))
    assert list(array) == pytest.approx([wanted[name] for name in ALPHAPRUNING["order"]], abs=2e-3)


def test_blocks_that_do_not_differ_are_said_and_the_uniform_choice_offered() -> None:
    found = prescribe("sparsity", model(), target=0.7).to_json()
    assert found["doubt"]["uniform"] == 0.7
    assert "no larger than their standard errors" in found["doubt"]["reason"]
    assert prescribe("sparsity", model(), target=0.7, per="matrix").answer.doubt is None


def test_one_block_gets_the_target(tmp_path: Path) -> None:
    found = prescribe("sparsity", members(save(llama(layers=1), tmp_path / "m.safetensors")), target=0.4)
    assert list(found.entries.values()) == pytest.approx([0.4] * 7)
    assert found.answer.doubt is not None


def test_nan_and_a_model_without_blocks_are_refused(tmp_path: Path) -> None:
    tensors = llama()
    tensors["model.layers.2.self_attn.q_proj.weight"][0, 0] = np.inf
    with pytest.raises(UnmeasuredLayer, match=r"layers\.2\.self_attn\.q_proj"):
        prescribe("sparsity", members(save(tensors, tmp_path / "m.safetensors")))
    with pytest.raises(PrescriptionError, match="no matrix lies in a numbered block"):
        prescribe("sparsity", members(save({"head.weight": torch.randn(60, 60)}, tmp_path / "h.safetensors")))
