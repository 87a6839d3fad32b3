"""An open checkpoint: its kind, and tensors that are torch's own."""

from pathlib import Path

import pytest
import torch

from analysis.formats import open_checkpoint
from analysis.formats.checkpoint import Checkpoint


def named(*names: str, folder: Path) -> Checkpoint:
    torch.save({name: torch.zeros(1) for name in names}, folder / "model")
    return open_checkpoint([folder / "model"])


def test_factors_with_a_config_make_an_adapter(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 1, "lora_alpha": 2}')
    adapter = named("q.lora_A.weight", "q.lora_B.weight", folder=tmp_path)
    assert adapter.kind == "adapter"
    assert adapter.adapter is not None
    assert adapter.adapter.settings["lora_alpha"] == 2
    assert named("q.weight", "k.weight", folder=tmp_path).kind == "model"
    (tmp_path / "adapter_config.json").unlink()
    assert named("q.weight", "k.weight", "q.lora_A", "q.lora_B", folder=tmp_path).kind == "model"


def test_what_is_read_equals_what_torch_loads(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5)).half()
    torch.save(model.state_dict(), tmp_path / "model")
    checkpoint = open_checkpoint([tmp_path / "model"])
    theirs = torch.load(tmp_path / "model", weights_only=True)
    assert list(checkpoint.stored) == list(theirs)
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in theirs.items())


def test_a_tensor_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        named("a", folder=tmp_path).read("b")
