from pathlib import Path

import pytest
import torch

from examples.prescriptions import sparsity
from examples.prescriptions.files import prescribe
from examples.prescriptions.llama import Llama


def test_the_smallest_entries_are_pruned() -> None:
    found = sparsity.prune(torch.tensor([[3.0, -1.0], [0.5, -4.0]]), 0.5)
    assert found.tolist() == [[3.0, 0.0], [0.0, -4.0]]
    assert sparsity.prune(torch.ones(2, 2), 0.5).count_nonzero() == 2  # equal ones too


def test_every_arm_has_the_same_budget(little: Llama, tmp_path: Path) -> None:
    record = prescribe("sparsity", little.path, tmp_path, target=0.7)
    mirrored = {name: 1.4 - value for name, value in record["entries"].items()}
    states = [sparsity.pruned(little.state(), each) for each in (record["entries"], mirrored)]
    names = list(record["entries"])
    total = sum(little.state()[name].numel() for name in names)
    for state in states:
        zeros = sum(int((state[name] == 0.0).sum()) for name in names)
        assert zeros / total == pytest.approx(0.7, abs=1e-3)
        assert torch.equal(state["lm_head.weight"], little.state()["lm_head.weight"])


def test_each_target_has_its_arms_and_comes_out_the_same_again(little: Llama, tmp_path: Path) -> None:
    found = sparsity.trials(little, tmp_path)
    assert [trial.setting for trial in found] == ["50% pruned", "70% pruned"]
    assert all(list(trial.scores) == ["unchanged", "AlphaPruning", "uniform", "mirrored"] for trial in found)
    assert found == sparsity.trials(little, tmp_path)
