"""Every tensor of a pickle is found, and what it is: whole modules against their state dict."""

import argparse
import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from analysis.formats import Checkpoint, open_checkpoint


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("mask", torch.ones(3, 3), persistent=False)
        self.anchors = torch.ones(2, 2)
        self.parent: list[Any] = [self]  # modules refer to each other


def opened(value: object, folder: Path, zip_format: bool = True) -> Checkpoint:
    torch.save(value, folder / "model.pt", _use_new_zipfile_serialization=zip_format)
    return open_checkpoint([folder / "model.pt"])


@pytest.mark.parametrize("zip_format", [True, False])
@pytest.mark.filterwarnings("ignore::UserWarning")  # the old format says that it cannot find the source of a class
def test_a_whole_module_has_the_names_of_its_state_dict(zip_format: bool, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), Block(), nn.Sequential(Block()))
    checkpoint = opened(model, tmp_path, zip_format)
    wanted = model.state_dict()
    assert set(checkpoint.stored) == set(wanted)
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in wanted.items())
    assert {name.rpartition(".")[2] for name in checkpoint.aside} == {"mask", "anchors"}
    assert "tests.analysis" in str(checkpoint.facts["foreign_objects"]) or "Block" in str(checkpoint.facts)


def test_a_module_among_other_things(tmp_path: Path) -> None:
    saved = {
        "model": nn.Linear(3, 2),
        "ema": None,
        "date": datetime.datetime(2024, 1, 1),
        "args": argparse.Namespace(a=1),
    }
    assert list(opened(saved, tmp_path).stored) == ["weight", "bias"]


@pytest.mark.parametrize("key", ["optimizer", "optim0", "opt", "opt_state", "whatever"])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adafactor])
def test_the_state_of_an_optimizer_under_any_key(key: str, kind: type[torch.optim.Optimizer], tmp_path: Path) -> None:
    model = nn.Linear(8, 4)
    optimizer = kind(model.parameters(), lr=0.1)  # type: ignore[call-arg]
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    checkpoint = opened({"net": model.state_dict(), key: optimizer.state_dict(), "epoch": 3}, tmp_path)
    assert list(checkpoint.stored) == ["weight", "bias"]
    assert checkpoint.aside
    assert {each.reason for each in checkpoint.aside.values()} == {"state of the optimizer, no weight"}
    assert checkpoint.facts["epoch"] == 3


def test_a_meta_tensor_is_told(tmp_path: Path) -> None:
    checkpoint = opened({"a": torch.ones(2, 2), "b": torch.empty(3, 3, device="meta")}, tmp_path)
    assert "meta" in checkpoint.aside["b"].reason
    assert checkpoint.aside["b"].shape == (3, 3)


@pytest.mark.parametrize("zip_format", [True, False])
@pytest.mark.parametrize("key", [10**5000, -(10**5000), (1, 10**5000)], ids=["long", "negative", "in a tuple"])
def test_a_key_of_5000_digits_has_a_short_name(key: object, zip_format: bool, tmp_path: Path) -> None:
    checkpoint = opened({"w": torch.ones(2), key: torch.ones(3), "n": 10**5000}, tmp_path, zip_format)
    first, second = checkpoint.stored
    assert first == "w"
    assert "integer of 16,610 bits" in second
    assert len(second) < 64


def test_a_key_that_is_not_text_yields_to_the_same_text(tmp_path: Path) -> None:
    checkpoint = opened({0: torch.ones(2), "0": torch.ones(3), 1: torch.ones(4)}, tmp_path)
    assert {name: array.shape for name, array in checkpoint.stored.items()} == {"0": (3,), "1": (4,)}
    assert "not text" in checkpoint.aside["0 (int)"].reason
