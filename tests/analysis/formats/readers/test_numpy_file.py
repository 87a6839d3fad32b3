"""`.npy`, against numpy.save and numpy.load."""

from pathlib import Path

import numpy as np
import pytest

from analysis.formats import open_checkpoint
from analysis.formats.readers.numpy_file import read_header, strides


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "<i8", ">u2", "|i1", "|b1", "<c8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (3, 5), (2, 3, 4)])
def test_an_array_comes_back_as_numpy_loads_it(dtype: str, order: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "embedding.npy"
    values = np.random.default_rng(0).integers(0, 2, shape)
    np.save(path, np.asarray(values.astype(dtype), order=order))  # type: ignore[call-overload]  # order is text
    if 0 in shape:
        header = read_header("embedding", path.read_bytes())
        assert (header.shape, header.nbytes) == (shape, 0)
        return
    checkpoint = open_checkpoint([path])
    assert checkpoint.format == "npy"
    np.testing.assert_array_equal(checkpoint.read("embedding").numpy(), np.load(path))


def test_fortran_strides_are_numpys(tmp_path: Path) -> None:
    array = np.zeros((3, 4, 5), np.float32, order="F")
    np.save(tmp_path / "a.npy", array)
    found = strides(read_header("a", (tmp_path / "a.npy").read_bytes()))
    assert found == tuple(step // 4 for step in array.strides)


def test_two_plain_bytes_are_bfloat16(tmp_path: Path) -> None:
    import torch

    wanted = torch.randn(3, 4, dtype=torch.bfloat16)
    np.save(tmp_path / "a.npy", wanted.view(torch.int16).numpy().view("V2"))  # as ml_dtypes is saved
    assert torch.equal(open_checkpoint([tmp_path / "a.npy"]).read("a"), wanted)
