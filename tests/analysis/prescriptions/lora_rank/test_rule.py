"""The rule as a whole: the golden pair, its caps and refusals."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from analysis.errors import OptionError, PrescriptionError, UnmeasuredLayer, UnreachableTarget
from analysis.prescriptions.members import Members
from tests.analysis.mitigation import planted
from tests.analysis.prescriptions.golden import arrays, llama, members, prescribe, save, told


def golden_pair(folder: Path) -> Members:
    """The golden factors as a kohya file whose scale is 1."""
    A, B = (torch.from_numpy(arrays()[name]).contiguous() for name in ("lora_A", "lora_B"))
    start = "lora_unet_proj_in"
    tensors = {f"{start}.lora_down.weight": A, f"{start}.lora_up.weight": B, f"{start}.alpha": torch.tensor(16.0)}
    save_file(tensors, folder / "k.safetensors", {"format": "pt"})
    return members(folder / "k.safetensors")


@pytest.mark.parametrize(
    ("rule", "method"), [("ratio", "sv_ratio"), ("nuclear", "sv_cumulative"), ("frobenius", "sv_fro")]
)
def test_ranks_of_the_golden_pair(tmp_path: Path, rule: str, method: str) -> None:
    given = golden_pair(tmp_path)
    for case in told()["lora_resize"]["kohya"]:
        if case["method"] == method:
            found = prescribe("lora-rank", given, rule=rule, value=case["param"])
            assert list(found.entries.values()) == [case["by_definition"]]


def test_the_cap_holds_and_is_reported(tmp_path: Path) -> None:
    found = prescribe("lora-rank", golden_pair(tmp_path), value=0.99, max_rank=3)
    assert (list(found.entries.values()), found.answer.extra["max_rank"]) == ([3], 3)


def test_axolotl_and_peft_get_the_same_patterns(tmp_path: Path) -> None:
    planted.adapted(tmp_path / "lora", planted.adapter())
    found = prescribe("lora-rank", members(tmp_path / "lora"), value=0.8)
    told_ = yaml.safe_load(found.answer.files["axolotl.yaml"])
    assert told_["lora_rank_pattern"] == told_["lora_alpha_pattern"]
    assert b'"rank_pattern"' in found.answer.files["rank_pattern.json"]


def test_noise_is_for_whole_fine_tunes(tmp_path: Path) -> None:
    with pytest.raises(PrescriptionError, match="use another rule"):
        prescribe("lora-rank", golden_pair(tmp_path), rule="noise")
    base = llama(seed=3)
    random = torch.Generator().manual_seed(1)
    tuned = {n: t + 0.01 * torch.randn(t.shape, generator=random) for n, t in base.items()}
    name = "model.layers.1.mlp.up_proj.weight"
    tuned[name] = tuned[name] + 0.2 * torch.randn(96, 2, generator=random) @ torch.randn(2, 64, generator=random)
    both = members(save(base, tmp_path / "a.safetensors"), save(tuned, tmp_path / "b.safetensors"))
    found = prescribe("lora-rank", both, rule="noise")
    assert found.entries[name] == 2


def test_a_budget_is_kept_over_all_modules(tmp_path: Path) -> None:
    planted.adapted(tmp_path / "lora", planted.adapter())
    given = members(tmp_path / "lora")
    found = prescribe("lora-rank", given, rule="budget", value=700)
    assert found.answer.extra["trained_parameters"] <= 700
    with pytest.raises(UnreachableTarget, match="raise the budget"):
        prescribe("lora-rank", given, rule="budget", value=100)


@pytest.mark.parametrize(("rule", "value"), [("energy", 1.5), ("ratio", 0.5), ("budget", 0)])
def test_a_value_that_the_rule_cannot_take_is_refused(tmp_path: Path, rule: str, value: float) -> None:
    with pytest.raises(OptionError, match="option value"):
        prescribe("lora-rank", golden_pair(tmp_path), rule=rule, value=value)


def test_nan_and_an_untrained_copy_are_refused(tmp_path: Path) -> None:
    planted.adapted(tmp_path / "lora", planted.adapter())
    path = tmp_path / "lora" / "adapter_model.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    tensors[name][0, 0] = np.nan
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(UnmeasuredLayer, match="NaN"):
        prescribe("lora-rank", members(tmp_path / "lora"))
    same = save(llama(), tmp_path / "a.safetensors"), save(llama(), tmp_path / "b.safetensors")
    with pytest.raises(UnreachableTarget, match="nothing was trained"):
        prescribe("lora-rank", members(*same))
