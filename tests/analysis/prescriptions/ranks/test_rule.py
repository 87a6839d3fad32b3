"""Ranks of one checkpoint: WeLore's numbers, energy ranks, LoRA budgets and experts, with PEFT's matching."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft.utils.other import get_pattern_key

from analysis.errors import OptionError, UnmeasuredLayer, UnreachableTarget
from analysis.prescriptions.naming import module_of
from analysis.prescriptions.ranks.layers import read_layers
from analysis.prescriptions.ranks.welore import normalise
from tests.analysis.prescriptions.golden import llama, members, model, prescribe, save, told

CASES = told()["welore"]["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["threshold"]))
def test_welore_cuts_what_the_authors_cut(case: Mapping[str, Any]) -> None:
    found = prescribe("ranks", model(), threshold=case["threshold"])
    near = {
        layer.name for layer in read_layers(model()) if np.abs(normalise(layer.values) - case["threshold"]).min() < 1e-5
    }
    cuts = {module_of(name): more["cut"] for name, more in found.answer.details.items() if name not in near}
    assert cuts == {name: cut for name, cut in case["pruned"].items() if f"{name}.weight" not in near}
    assert found.answer.extra["reduction"] == pytest.approx(case["reduction"], abs=2e-3)


def test_the_target_is_met_and_the_low_rank_layers_pay() -> None:
    found = prescribe("ranks", model(), target=0.5)
    assert found.answer.extra["reduction"] == pytest.approx(0.5, abs=1e-3)
    ranks = json.loads(found.answer.files["ranks.json"])
    assert set(ranks) == {module_of(name) for name in found.answer.extra["factored"]}
    for name, rank in found.entries.items():
        more = found.answer.details[name]
        assert rank == more["full_rank"] - more["cut"]  # type: ignore[operator]
        assert more["factored"] == (more["low_rank"] and more["saved"] > 0)  # type: ignore[operator]
    assert found.to_json()["estimator"] is None


def test_a_target_beyond_the_strongest_directions_is_refused() -> None:
    with pytest.raises(UnreachableTarget, match=r"target=1: at most 0\.98"):
        prescribe("ranks", model(), target=1.0)


def test_energy_ranks_are_those_of_the_singular_values() -> None:
    found = prescribe("ranks", model(), rule="energy", energy=0.8)
    for layer in read_layers(model()):
        shares = np.cumsum(layer.values**2) / np.sum(layer.values**2)
        assert found.entries[layer.name] == int(np.argmax(shares >= 0.8 - 1e-12)) + 1
        assert found.answer.details[layer.name]["energy_kept"] == pytest.approx(shares[found.entries[layer.name] - 1])  # type: ignore[operator]


def test_a_lora_budget_is_kept_and_peft_reads_it() -> None:
    found = prescribe("ranks", model(), rule="budget", budget=60_000, r_min=2, r_max=24)
    layers = read_layers(model())
    spent = sum(layer.sides * int(found.entries[layer.name] or 0) for layer in layers)
    assert spent == found.answer.extra["trained_parameters"] <= 60_000
    assert spent > 0.95 * 60_000
    patterns = json.loads(found.answer.files["rank_pattern.json"])
    assert patterns["rank_pattern"] == patterns["alpha_pattern"]
    common = max(set(found.entries.values()), key=list(found.entries.values()).count)
    for name, rank in found.entries.items():
        key = get_pattern_key(patterns["rank_pattern"].keys(), f"base_model.model.{module_of(name)}")
        assert patterns["rank_pattern"].get(key, common) == rank
    assert any("unvalidated" in note for note in found.answer.notes)


def test_a_budget_under_the_least_ranks_and_bounds_that_cross_are_refused() -> None:
    with pytest.raises(UnreachableTarget, match="budget=100: 4 for each of 28 layers takes"):
        prescribe("ranks", model(), rule="budget", budget=100)
    with pytest.raises(OptionError, match="r_min: 8 is above r_max, 4"):
        prescribe("ranks", model(), rule="budget", r_min=8, r_max=4)


def test_experts_follow_the_authors_exponents() -> None:
    found = prescribe("ranks", model(), rule="experts", experts=40)
    counts = json.loads(found.answer.files["experts.json"])
    alpha = dict(zip(told()["alpha"]["names"], told()["alpha"]["alpha_mid"], strict=True))
    means = np.array([np.mean([a for name, a in alpha.items() if f"layers.{n}." in name]) for n in range(4)])
    shares = 40 * means**2.5 / (means**2.5).sum()
    assert sum(counts) == 40
    assert np.abs(counts - shares).max() < 1.0
    assert found.to_json()["estimator"] == "alpha_hill_median"
    details = found.answer.details["model.layers.0.mlp.up_proj.weight"]
    assert details["mean_alpha"] == pytest.approx(means[0], abs=2e-3)


def test_equal_layers_carry_no_choice(tmp_path: Path) -> None:
    one = llama(layers=1)
    tensors = {name.replace("layers.0", f"layers.{n}"): t.clone() for n in range(3) for name, t in one.items()}
    given = members(save(tensors, tmp_path / "m.safetensors"))
    doubt = prescribe("ranks", given, rule="experts", experts=24).answer.doubt
    assert doubt is not None
    assert doubt.uniform == 8
    alone = prescribe("ranks", members(save(one, tmp_path / "one.safetensors")), rule="experts").answer.doubt
    assert alone is not None
    assert alone.reason == "There is one block only."


def test_one_small_layer(tmp_path: Path) -> None:
    given = members(save({"w.weight": torch.randn(6, 4)}, tmp_path / "m.safetensors"))
    assert prescribe("ranks", given, target=0.5).entries == {"w.weight": 2}
    with pytest.raises(UnmeasuredLayer, match="has no Hill exponent"):
        prescribe("ranks", given, rule="experts")
