"""Files read by ranges: the same numbers, only the bytes that are asked for, and an error where nobody said so."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from analysis.errors import DamagedFile
from analysis.formats import open_checkpoint
from analysis.formats.checkpoint import Checkpoint
from analysis.formats.stored import Stored
from analysis.runtime.elsewhere import read_at, size_of, source_of, stand_for

BEGINNING = 64
TENSORS = {
    "model.embed_tokens.weight": torch.randn(40, 24),
    "layers.0.q_proj.weight": torch.randn(24, 24).to(torch.bfloat16),
    "layers.0.q_proj.bias": torch.ones(24),
    "lm_head.weight": torch.randn(40, 24),
    "steps": torch.tensor(7),
    "nothing": torch.zeros(0, 3),
}


class Pieces:
    """A file elsewhere that notes what is asked for."""

    def __init__(self, content: bytes) -> None:
        self._content, self.nbytes = content, len(content)
        self.asked: list[tuple[int, int]] = []

    def read(self, start: int, nbytes: int) -> NDArray[np.uint8]:
        assert start + nbytes <= self.nbytes
        self.asked.append((start, nbytes))
        return np.frombuffer(self._content, np.uint8, nbytes, start).copy()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "model.safetensors"


def lay(path: Path, content: bytes) -> Pieces:
    path.write_bytes(content[:BEGINNING])
    return Pieces(content)


def values(checkpoint: Checkpoint) -> dict[str, list[object]]:
    return {name: checkpoint.read(name).tolist() for name in checkpoint.stored}


def test_the_same_checkpoint(path: Path, tmp_path: Path) -> None:
    content = save(TENSORS)
    (tmp_path / "here.safetensors").write_bytes(content)
    here, pieces = open_checkpoint([tmp_path / "here.safetensors"]), lay(path, content)
    with stand_for(path, pieces):
        there = open_checkpoint([path])
        assert values(there) == values(here)
        assert there.beyond == here.beyond
        assert [tensor.name for tensor in there.tensors] == [tensor.name for tensor in here.tensors]


def test_no_more_than_is_asked_for(path: Path) -> None:
    pieces = lay(path, save(TENSORS))
    with stand_for(path, pieces):
        checkpoint = open_checkpoint([path])
        header = sum(nbytes for _, nbytes in pieces.asked)
        assert header < 1000
        pieces.asked.clear()
        checkpoint.read("layers.0.q_proj.weight")
        stored = checkpoint.stored["layers.0.q_proj.weight"]
        assert isinstance(stored, Stored)
        assert pieces.asked == [(stored.start, 2 * 24 * 24)]


def test_in_pieces_and_with_strides(path: Path) -> None:
    pieces = lay(path, np.arange(1000, dtype="<i4").tobytes())
    with stand_for(path, pieces):
        turned = Stored(path, 40, (2, 3), "int32", (1, 2))
        assert turned.load().tolist() == [[10, 12, 14], [11, 13, 15]]
        (chunk,) = turned.chunks()
        assert chunk.tolist() == [[10, 12, 14], [11, 13, 15]]
        own = Stored(path, 0, (4,), "int32").load()
        own += 1  # what is loaded is one's own
        assert Stored(path, 0, (), "int32").load() == 0


def test_what_ends_too_early(path: Path) -> None:
    pieces = lay(path, np.arange(10, dtype="<i4").tobytes())
    with stand_for(path, pieces), pytest.raises(DamagedFile) as error:
        Stored(path, 4, (10,), "int32").load()
    assert error.value.code == "truncated-file"
    with stand_for(path, pieces):
        assert read_at(path, 36, 100) == (9).to_bytes(4, "little")
        assert read_at(path, 50, 10) == b""


def test_a_file_that_nobody_stands_for_is_too_short(path: Path) -> None:
    content = save(TENSORS)
    pieces = lay(path, content)
    with ExitStack() as stack:
        stack.enter_context(stand_for(path, pieces))
        assert (size_of(path), source_of(path)) == (len(content), pieces)
        checkpoint = open_checkpoint([path])
    assert (size_of(path), source_of(path)) == (BEGINNING, None)
    for name in ("model.embed_tokens.weight", "layers.0.q_proj.bias"):  # read as a whole, and mapped or not
        with pytest.raises(DamagedFile):
            checkpoint.read(name)
        stored = checkpoint.stored[name]
        assert isinstance(stored, Stored)
        with pytest.raises(DamagedFile):
            stored.words()
    with pytest.raises(DamagedFile):
        open_checkpoint([path])
