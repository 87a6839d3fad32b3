"""A run in little: it learns, goes on where it was stopped, and is saved with what is known of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from analysis.formats import open_checkpoint
from examples.widths import train
from examples.widths.data import Text
from examples.widths.recipes import DECAY, RATE, Recipe

DATA = Text(*(torch.arange(4000).remainder(11).to(torch.uint8) for _ in range(2)))
SHORT = Recipe(96, "linear", seed=3, steps=12)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BATCH": 2, "LENGTH": 16, "TESTED": 2, "KEPT": 4}.items():
        monkeypatch.setattr(train, name, value)


def test_it_learns_and_is_there_afterwards(tmp_path: Path) -> None:
    found = train.train(replace(SHORT, steps=40), DATA, tmp_path)
    assert found.test_loss < 3.0
    assert not (tmp_path / SHORT.name / train.HALFWAY).exists()
    (tmp_path / SHORT.name / "model.safetensors").unlink()
    assert train.train(replace(SHORT, steps=40), DATA, tmp_path) == found  # it is there already


def test_what_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train.train(SHORT, DATA, tmp_path / "whole")
    step = train.one

    def stopping(going: train.Going, batch: torch.Tensor) -> float:
        if len(going.losses) == 9:
            raise KeyboardInterrupt
        return step(going, batch)

    monkeypatch.setattr(train, "one", stopping)
    with pytest.raises(KeyboardInterrupt):
        train.train(SHORT, DATA, tmp_path / "parts")
    monkeypatch.setattr(train, "one", step)
    assert (tmp_path / "parts" / SHORT.name / train.HALFWAY).exists()
    again = train.train(SHORT, DATA, tmp_path / "parts")
    assert replace(again, seconds=0.0) == replace(whole, seconds=0.0)
    one, other = (load_file(tmp_path / place / SHORT.name / "model.safetensors") for place in ("whole", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_each_class_of_parameters_has_its_settings() -> None:
    model = train.started(SHORT).model
    matrices, head, vectors = train.groups(model, SHORT)
    assert (matrices["lr"], matrices["weight_decay"]) == (RATE / 1.5, DECAY * 1.5)
    assert (head["lr"], head["weight_decay"]) == (RATE / 1.5, DECAY)
    assert (vectors["lr"], vectors["weight_decay"]) == (RATE, 0.0)
    assert len(matrices["params"]) == 14
    assert sum(len(group["params"]) for group in (matrices, head, vectors)) == len(list(model.parameters()))


def test_the_files_beside_the_weights_are_read_as_facts(tmp_path: Path) -> None:
    train.train(SHORT, DATA, tmp_path)
    facts = open_checkpoint([tmp_path / SHORT.name]).facts
    wanted = {"width": 96, "depth": 2, "learning_rate": SHORT.rate, "weight_decay": SHORT.decay, "step": 12,
              "optimizer": "adamw_torch_fused", "schedule": "constant_with_warmup"}  # fmt: skip
    assert {name: facts[name] for name in wanted} == wanted


def test_the_steps_of_one_run_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "TRACED", (SHORT.width, SHORT.rule, SHORT.seed))
    monkeypatch.setattr(train, "MOMENTS", (3, 6))
    train.train(SHORT, DATA, tmp_path)
    steps = [open_checkpoint([tmp_path / SHORT.name / f"step{step}"]).facts["step"] for step in (3, 6)]
    assert steps == [3, 6]
