"""Folders that torch.distributed.checkpoint itself writes."""

import warnings
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.state_dict_saver import save

from analysis.errors import CheckpointError
from analysis.formats import open_checkpoint

WEIGHTS = {f"layers.{i}.w1.weight": torch.randn(12, 8) for i in range(3)} | {"norm.weight": torch.ones(8)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    with warnings.catch_warnings(action="ignore"):  # that there is no process group
        save({"model": WEIGHTS, "optim": optimizer.state_dict()}, checkpoint_id=str(tmp_path), no_dist=True)
    return tmp_path


def test_every_tensor_by_its_name(folder: Path) -> None:
    checkpoint = open_checkpoint([folder])
    assert set(checkpoint.stored) == set(WEIGHTS)
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in WEIGHTS.items())
    assert {each.reason for each in checkpoint.aside.values()} == {"state of the optimizer, no weight"}
    assert "ignored_files" not in checkpoint.facts  # .metadata was read


def test_a_file_of_it_alone_is_named_for_what_it_is(folder: Path) -> None:
    for path in folder.glob("*.distcp"):
        with pytest.raises(CheckpointError, match=r"torch\.distributed\.checkpoint"):
            open_checkpoint([path])


def test_the_advice_gives_the_same_numbers(folder: Path) -> None:
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    with warnings.catch_warnings(action="ignore"):
        dcp_to_torch_save(str(folder), str(folder / "model.pt"))
    converted = open_checkpoint([folder / "model.pt"])
    assert all(torch.equal(converted.read(name), tensor) for name, tensor in WEIGHTS.items())


@pytest.mark.parametrize("what", ["file away", "file cut", "metadata cut", "metadata of another kind"])
def test_what_is_not_whole_is_refused(what: str, folder: Path) -> None:
    (data,) = folder.glob("*.distcp")
    metadata = folder / ".metadata"
    if what == "file away":
        data.unlink()
    elif what == "file cut":
        data.write_bytes(data.read_bytes()[:-2000])
    elif what == "metadata cut":
        metadata.write_bytes(metadata.read_bytes()[:-100])
    else:
        metadata.write_bytes(metadata.read_bytes().replace(b"state_dict_metadata", b"state_dict_nonsense"))
    with pytest.raises(CheckpointError):
        open_checkpoint([folder])
