"""Slices of a whole checkpoint and of an update, and what is said where there is nothing to slice."""

import json
from pathlib import Path

import pytest
import torch

from analysis.errors import UnmeasuredLayer
from tests.analysis.prescriptions.golden import llama, members, model, prescribe, save
from tests.analysis.prescriptions.slices.test_attention import OUT
from tests.analysis.prescriptions.slices.test_attention import model as with_config
from tests.analysis.prescriptions.slices.test_layers import mixture


def test_heads_and_layers_of_the_golden_model() -> None:
    found = prescribe("slices", model()).answer
    assert len(found.entries) == 4 * 6
    assert sum(float(found.entries[f"{OUT}[head {i}]"] or 0.0) for i in range(6)) == pytest.approx(1.0)
    assert {"qk_sigma1", "qk_safe_bound", "ov_sigma1"} <= set(found.details[f"{OUT}[head 0]"])
    assert len(found.extra["sharing"]) == 7
    assert json.loads(found.files["heads.json"]) == found.extra["heads"]
    json.dumps(found.extra, allow_nan=False)


def test_an_edit_of_few_heads_is_said(tmp_path: Path) -> None:
    base, tuned = llama(layers=1), llama(layers=1)
    tuned[OUT][:, 16:24] += torch.outer(torch.randn(64), torch.randn(8))
    given = members(with_config(tmp_path, base, name="base"), with_config(tmp_path, tuned, name="tuned"))
    found = prescribe("slices", given).answer
    assert found.extra["heads_holding_90"][OUT] == 1
    assert f"{OUT}: 1 head of 8 hold 90 % of the update: 2." in found.notes
    assert any("changed in one direction alone" in note for note in found.notes)


def test_experts_alone(tmp_path: Path) -> None:
    found = prescribe("slices", members(save(mixture(), tmp_path / "m.safetensors")), of="experts").answer
    assert found.entries == {}
    assert len(found.extra["experts"]) == 1
    assert any("proxy" in note for note in found.notes)


def test_without_heads_the_layers_are_compared_all_the_same(tmp_path: Path) -> None:
    found = prescribe("slices", members(save(llama(), tmp_path / "m.safetensors"))).answer
    assert found.entries == {}
    assert "Heads: how many there are is not known; give the folder with config.json." in found.notes
    with pytest.raises(UnmeasuredLayer, match=r"give the folder with config\.json"):
        prescribe("slices", members(save(llama(layers=1), tmp_path / "one.safetensors")))


def test_one_matrix_has_nothing_to_slice(tmp_path: Path) -> None:
    with pytest.raises(UnmeasuredLayer, match="no attention, no experts and no two layers"):
        prescribe("slices", members(save({"w.weight": torch.randn(8, 8)}, tmp_path / "m.safetensors")))
