import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from examples import train
from examples.data import Split
from examples.recipes import Recipe

TEXTS = ("Fit the estimator to data.", "Draw a line on the axes.", "Solve the equation for x.", "Query the table rows.")
DATA = Split(TEXTS * 2, (0, 1, 2, 3) * 2)
LORA = Recipe(rank=2, alpha=4, rate=1e-3, speed="low", seed=0)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch, minilm: Path) -> None:
    """One epoch of two steps."""
    monkeypatch.setattr(train, "EPOCHS", 1)
    monkeypatch.setattr(train, "BATCH", 4)


def test_the_schedule_goes_up_and_down_to_zero() -> None:
    shares = [train.warmed(step, 100) for step in range(101)]
    assert shares[5] == 1.0 == max(shares)
    assert shares[0] == pytest.approx(1 / 6)
    assert shares[100] == 0.0
    assert shares[5:] == sorted(shares[5:], reverse=True)


def test_every_text_is_seen_once_in_an_epoch() -> None:
    found = [text for batch in train.batches(4 * train.BATCH, seed=3) for text in batch]
    assert sorted(found) == sorted(list(range(4 * train.BATCH)) * train.EPOCHS)
    assert found == [text for batch in train.batches(4 * train.BATCH, seed=3) for text in batch]
    assert found != [text for batch in train.batches(4 * train.BATCH, seed=4) for text in batch]


@pytest.mark.usefixtures("once")
def test_an_adapter_is_saved_as_peft_saves_it(tmp_path: Path) -> None:
    first = train.train(LORA, (DATA, DATA), TEXTS, tmp_path)
    place = tmp_path / LORA.name
    tensors = load_file(place / "adapter_model.safetensors")
    assert len(tensors) == 2 * 36
    assert json.loads((place / "adapter_config.json").read_text())["lora_alpha"] == 4
    assert first.similarity_loss > 0
    assert first.drift > 0
    (place / "adapter_model.safetensors").unlink()
    assert train.train(LORA, (DATA, DATA), TEXTS, tmp_path) == first  # it is there already


@pytest.mark.usefixtures("once")
def test_a_seed_gives_the_same_run(tmp_path: Path) -> None:
    runs = [train.train(LORA, (DATA, DATA), TEXTS, tmp_path / name) for name in "ab"]
    assert replace(runs[0], seconds=0.0) == replace(runs[1], seconds=0.0)


@pytest.mark.usefixtures("once")
def test_full_fine_tuning_moves_every_matrix(tmp_path: Path, minilm: Path) -> None:
    recipe = Recipe(rank=0, alpha=0, rate=1e-4, speed="low", seed=0)
    train.train(recipe, (DATA, DATA), TEXTS, tmp_path)
    before, after = load_file(minilm), load_file(tmp_path / recipe.name / "model.safetensors")
    matrices = [name for name, tensor in after.items() if ".layer." in name and tensor.ndim == 2]
    assert len(matrices) == 36
    assert not any(torch.equal(before[name], after[name]) for name in matrices)
