"""PyTorch's format before 1.6. Broken files are in tests/hostile/."""

from pathlib import Path

import pytest
import torch

from analysis.formats import open_checkpoint


def saved(value: object, folder: Path, protocol: int = 2) -> Path:
    torch.save(value, folder / "model", _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    return folder / "model"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickle(protocol: int, tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3, dtype=torch.int8), "c": torch.ones(4).half()}
    checkpoint = open_checkpoint([saved(tensors, tmp_path, protocol)])
    assert checkpoint.format == "torch-legacy"
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in tensors.items())


def test_views_share_their_storage(tmp_path: Path) -> None:
    whole = torch.arange(20.0).reshape(4, 5)
    views = {"whole": whole, "t": whole.t(), "corner": whole[1:3, ::2]}
    checkpoint = open_checkpoint([saved(views, tmp_path)])
    theirs = torch.load(tmp_path / "model", weights_only=True)
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in theirs.items())
