from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from analysis.formats import open_checkpoint
from examples.prescriptions import llama as module
from examples.prescriptions.data import Texts
from examples.prescriptions.llama import Llama


def test_a_seed_gives_the_same_model(little: Llama, again: Llama) -> None:
    one, two = little.state(), again.state()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert little.score(one) == again.score(two)


def test_it_is_trained_once(little: Llama, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module, "train")
    assert module.llama(0, texts, little.path.parent, little.size, little.own).path == little.path


def test_eigenscope_reads_it_as_a_llama(little: Llama) -> None:
    found = open_checkpoint([little.path])
    assert {info.role for info in found.tensors if info.skip is None} == {
        "q", "k", "v", "o", "gate", "up", "down", "embedding", "head",
    }  # fmt: skip
    assert found.facts["width"] == 64


def test_a_short_training_depends_on_what_is_trained(little: Llama) -> None:
    name = "model.layers.2.mlp.up_proj.weight"
    one = little.tune([name])
    assert one == little.tune([name])
    assert one != little.tune(["model.layers.0.mlp.up_proj.weight"])


def test_an_adapter_is_saved_with_what_scores_it(little: Llama, tmp_path: Path) -> None:
    score = little.adapt(tmp_path)
    assert len(load_file(tmp_path / "adapter_model.safetensors")) == 2 * 7 * 4
    assert score(little.state()) == little.task_score(little.state()) > 0.0
