"""Constants found in files, whatever their format, type and byte order."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analysis.formats import open_checkpoint
from analysis.formats.effective.buffers import constant_kinds
from analysis.formats.stored import Stored


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_constants_of_every_float_type(dtype: torch.dtype, tmp_path: Path) -> None:
    positions = torch.outer(torch.arange(64.0), 0.7 ** torch.arange(32.0)).sin()
    tensors = {"net.a": torch.tril(torch.ones(32, 32)), "net.b": positions, "net.weight": torch.randn(64, 32)}
    save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, tmp_path / "a.safetensors")
    found = open_checkpoint([tmp_path / "a.safetensors"])
    assert found.constants == {"net.a": "triangle", "net.b": "waves"}
    assert {info.name for info in found.tensors if info.skip is None} == {"net.weight"}


def test_a_convolution_by_a_fixed_table_goes_by_its_name(tmp_path: Path) -> None:
    """Values of a layer are looked at for waves only where its name says that it transforms by them."""
    turns = 2.0 * torch.pi * torch.outer(torch.arange(33.0), torch.arange(64.0)) / 64.0
    basis = (turns.cos() * torch.hann_window(64))[:, None]
    save_file({"stft_conv.weight": basis, "features.conv.weight": basis.clone()}, tmp_path / "a.safetensors")
    assert open_checkpoint([tmp_path / "a.safetensors"]).constants == {"stft_conv.weight": "waves"}


def test_a_view_of_a_torch_file(tmp_path: Path) -> None:
    torch.save({"x.table": torch.triu(torch.full((40, 40), -1e9), 1).T}, tmp_path / "a.pt")
    assert open_checkpoint([tmp_path / "a.pt"]).constants == {"x.table": "triangle"}


def test_big_endian_numbers(tmp_path: Path) -> None:
    positions = torch.outer(torch.arange(64.0), 0.7 ** torch.arange(32.0)).cos().numpy()
    (tmp_path / "raw").write_bytes(positions.astype(">f4").tobytes())
    assert constant_kinds({"x": Stored(tmp_path / "raw", 0, (64, 32), "float32", big_endian=True)}) == {"x": "waves"}


def test_what_is_no_float_or_no_matrix_is_not_looked_at(tmp_path: Path) -> None:
    save_file({"a": torch.ones(64), "b": torch.tril(torch.ones(8, 8)).int()}, tmp_path / "a.safetensors")
    assert open_checkpoint([tmp_path / "a.safetensors"]).constants == {}
