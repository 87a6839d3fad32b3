"""The policy that `eigenscope policy init` writes: a trained model passes, the same one before training does not."""

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from analysis.gate.starter import starter
from analysis.gate.verdict import Verdict

POLICY = policy_of(yaml.safe_load(starter()))


def verdict(path: Path) -> Verdict:
    found = analyze(open_checkpoint([path]), requests(POLICY.diagnostics(1))).to_json()
    return judge(POLICY, Evidence(found))


def test_a_trained_model_passes(minilm: Path) -> None:
    found = verdict(minilm)
    names = [*(rule.name for rule in POLICY.rules), "every weight was measured"]
    assert {each.rule.name: str(each.outcome) for each in found.rules} == dict.fromkeys(names, "pass")
    assert found.passed


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_model_before_training_fails(minilm: Path, tmp_path: Path, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    fresh = load_file(minilm)
    for name, weight in fresh.items():
        if weight.ndim > 1 and weight.is_floating_point():
            fresh[name] = 0.02 * torch.randn(weight.shape, generator=random)
    save_file(fresh, tmp_path / "fresh.safetensors")
    found = verdict(tmp_path / "fresh.safetensors")
    assert not found.passed
    failed = {each.rule.name for each in found.rules if each.outcome == "fail"}
    assert failed == {"most matrices are not random", "the typical α is usual"}


def test_what_is_commented_out_is_right_too() -> None:
    text = "\n".join(line[1:] if line.startswith("#  ") else line for line in starter().splitlines())
    policy = policy_of(yaml.safe_load(text))
    assert policy.needs_base
    assert len(policy.rules) == len(POLICY.rules) + 3


def test_the_ranges_are_those_that_the_columns_declare() -> None:
    blank = {"tensors": 0, "analysed": 0, "parameters": 0, "analysed_parameters": 0}
    found = judge(POLICY, Evidence({"tables": {}, "summary": {}, "coverage": blank})).rules
    bounds = {each.rule.metric.key: each.rule for each in found if each.rule.bound and each.rule.metric.usual}
    for rule in bounds.values():
        assert rule.bound is not None
        assert (rule.bound.minimum, rule.bound.maximum) == rule.metric.usual
    assert set(bounds) == {"esd.alpha", "norms.rank_loss"}
