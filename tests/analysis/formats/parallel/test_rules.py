"""Parts of one tensor, put together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.errors import DamagedFile, UnknownFormat
from analysis.formats.arrays import Held
from analysis.formats.parallel.rules import Rule, are_equal, check_alike, difference, merge, rows_of
from analysis.formats.safetensors import SAFETENSORS
from analysis.formats.stored import Array, Stored


def arrays(tensors: Sequence[Tensor], folder: Path) -> list[Array]:
    named = {str(place): torch.clone(tensor).contiguous() for place, tensor in enumerate(tensors)}
    save_file(named, folder / "parts")
    held = SAFETENSORS.contents(folder / "parts").tensors
    return [held[name] for name in named]


def values(array: Array) -> Tensor:
    return torch.from_numpy(array.load().view(np.float32))


def test_side_by_side_along_an_axis(tmp_path: Path) -> None:
    whole = torch.randn(6, 8)
    for axis in (0, 1):
        parts = arrays(whole.chunk(2, axis), tmp_path)
        assert torch.equal(values(merge("w", parts, Rule(axis))), whole)


def test_block_by_block(tmp_path: Path) -> None:
    gate, up = torch.randn(4, 3), torch.randn(6, 3)
    parts = [torch.cat([g, u]) for g, u in zip(gate.chunk(2), up.chunk(2), strict=True)]
    found = merge("w", arrays(parts, tmp_path), Rule(0, blocks=(2, 3)))
    assert torch.equal(values(found), torch.cat([gate, up]))
    with pytest.raises(DamagedFile, match="5 rows, not 6"):
        merge("w", arrays(parts, tmp_path), Rule(0, blocks=(3, 3)))


def test_copies_are_taken_once(tmp_path: Path) -> None:
    one, two = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(values(merge("w", arrays([one, one, two, two], tmp_path), Rule(0, 2))), torch.cat([one, two]))
    assert torch.equal(values(merge("w", arrays([one, one], tmp_path), Rule(0, 2))), one)
    with pytest.raises(DamagedFile, match="another copy"):
        merge("w", arrays([one, two], tmp_path), Rule(0, 2))


def test_parts_that_are_not_alike(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="different shapes"):
        check_alike("w", arrays([torch.randn(2, 3), torch.randn(3, 3)], tmp_path))
    with pytest.raises(UnknownFormat, match="share a byte"):
        check_alike("w", [Stored(tmp_path, 0, (4, 2), "float4_e2m1")])


def test_rows_of_a_transposed_tensor(tmp_path: Path) -> None:
    (stored,) = arrays([torch.arange(12.0).reshape(4, 3)], tmp_path)
    assert isinstance(stored, Stored)
    turned = Stored(stored.path, stored.start, (3, 4), stored.dtype, (1, 3))
    assert values(rows_of(turned, 1, 2)).tolist() == [[1, 4, 7, 10], [2, 5, 8, 11]]
    with pytest.raises(UnknownFormat, match="does not lie in the file"):
        rows_of(Held(tmp_path, bytes(8), (2,), "float32"), 0, 1)


def test_the_difference_of_replicas(tmp_path: Path) -> None:
    one = torch.tensor([1.0, -4.0])
    assert difference(arrays([one, one], tmp_path)) == 0
    assert difference(arrays([one, one + 0.04], tmp_path)) == pytest.approx(0.01, rel=1e-3)
    assert difference(arrays([one, torch.tensor([1.0, float("nan")])], tmp_path)) == float("inf")
    assert difference(arrays([torch.ones(2, 2), torch.zeros(2, 2)], tmp_path)) == float("inf")
    nan = torch.tensor([float("nan")])
    assert are_equal(*arrays([nan, nan], tmp_path))
