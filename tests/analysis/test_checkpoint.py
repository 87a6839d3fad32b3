"""The protocol: a checkpoint that was opened is one, and so is one that was never a file."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from analysis.checkpoint import OpenCheckpoint
from analysis.formats import open_checkpoint
from tests.analysis.examples import some_tensors


def test_an_opened_file_is_one(tmp_path: Path) -> None:
    save_file({"w": torch.eye(3)}, tmp_path / "model.safetensors")
    opened = open_checkpoint([tmp_path / "model.safetensors"])
    assert isinstance(opened, OpenCheckpoint)
    assert opened.read("w").tolist() == torch.eye(3).tolist()


def test_what_was_never_a_file_may_be_one_and_a_path_is_none(tmp_path: Path) -> None:
    assert isinstance(some_tensors(), OpenCheckpoint)
    assert not isinstance(tmp_path, OpenCheckpoint)
