"""Chunks of HDF5, against h5py, whatever their filters."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from analysis.errors import DamagedFile
from analysis.formats import open_checkpoint
from tests.hostile.hdf5_files import longer_chunk


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("fletcher32", [False, True])
@pytest.mark.parametrize("extents", [(3, 4), (40, 50), (1, 7)])
def test_every_filter_is_undone(
    extents: tuple[int, int], fletcher32: bool, shuffle: bool, compression: str | None, tmp_path: Path
) -> None:
    path, wanted = tmp_path / "a.h5", np.random.default_rng(0).normal(size=(40, 50)).astype(">f4")
    with h5py.File(path, "w") as file:
        filters = {"compression": compression, "shuffle": shuffle, "fletcher32": fletcher32}
        file.create_dataset("kernel", data=wanted, chunks=extents, **filters)
    np.testing.assert_array_equal(open_checkpoint([path]).read("kernel").numpy(), wanted)


def test_a_chunk_that_a_filter_was_left_out_of(tmp_path: Path) -> None:
    path, wanted = tmp_path / "a.h5", np.random.default_rng(0).normal(size=(4, 5))
    with h5py.File(path, "w") as file:
        made = file.create_dataset("kernel", (4, 5), "f8", chunks=(4, 5), compression="gzip")
        made.id.write_direct_chunk((0, 0), wanted.tobytes(), filter_mask=1)
    np.testing.assert_array_equal(open_checkpoint([path]).read("kernel").numpy(), wanted)


def test_a_chunk_holds_no_more_than_its_elements(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="more than its 6,400 bytes"):
        open_checkpoint(longer_chunk(tmp_path)).read("kernel")


def test_a_chunk_that_cannot_be_inflated(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        made = file.create_dataset("kernel", (4, 5), "f8", chunks=(4, 5), compression="gzip")
        made.id.write_direct_chunk((0, 0), b"nonsense")
    with pytest.raises(DamagedFile, match="cannot be inflated"):
        open_checkpoint([path]).read("kernel")
