"""Datasets of HDF5, against h5py. Broken and malicious files are in tests/hostile/hdf5_files.py."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from analysis.errors import CheckpointError
from analysis.formats import open_checkpoint
from analysis.formats.hdf5.datasets import read_tree
from analysis.formats.stored import Aside


def fill(file: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "plain": rng.normal(size=(7, 5)).astype("f4"),
        "big": rng.normal(size=(4, 6)).astype(">f8"),
        "half": rng.normal(size=9).astype("f2"),
        "flags": np.array([True, False]),
        "step": np.int64(300),
        "empty": np.zeros((0, 3), "f4"),
    }
    for name, array in arrays.items():
        file[name] = array
    arrays["deep/er/one"] = file.create_dataset("deep/er/one", data=arrays["plain"], chunks=(3, 4), compression=4)[()]
    return arrays


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_every_dataset_is_what_h5py_reads(userblock: int, version: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=userblock, libver=version) as file:
        arrays = fill(file)
    found = {"/".join(each.keys): each.array for each in read_tree(path).datasets}
    assert found.keys() == arrays.keys()
    for name, wanted in arrays.items():
        array = found[name]
        assert not isinstance(array, Aside)
        words = array.load().reshape(wanted.shape)
        np.testing.assert_array_equal(words.view(wanted.dtype.newbyteorder("<")), wanted)


def test_a_compact_dataset_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((4, 5))
        made = h5py.h5d.create(file.id, b"kernel", h5py.h5t.NATIVE_FLOAT, space, plan)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(20, dtype="f4").reshape(4, 5))
    found = open_checkpoint([tmp_path / "a.h5"]).read("kernel")
    assert torch.equal(found, torch.arange(20.0).reshape(4, 5))


def test_one_dataset_under_two_names_is_one_tensor(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["embedding"] = np.random.default_rng(0).normal(size=(30, 8)).astype("f4")
        file["head"] = file["embedding"]
    infos = {info.name: info for info in open_checkpoint([tmp_path / "a.h5"]).tensors}
    assert infos["head"].same_as == "embedding"


def test_what_is_no_number_is_listed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["kernel"] = np.eye(3)
        file["text"] = "words"
        file["pair"] = np.zeros(3, [("x", "f4"), ("y", "f4")])
        file["opaque"] = np.zeros(3, "V3")
        file.create_dataset("nothing", data=h5py.Empty("f4"))
    checkpoint = open_checkpoint([tmp_path / "a.h5"])
    assert list(checkpoint.stored) == ["kernel"]
    assert checkpoint.aside.keys() == {"text", "pair", "opaque", "nothing"}


def test_flipped_bits_end_in_a_clear_rejection(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["dense/vars/0"] = np.ones((4, 5), "f4")
        file.create_dataset("c", data=np.arange(300.0).reshape(15, 20), chunks=(4, 8), compression="gzip", shuffle=True)
    content, chance = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        with suppress(CheckpointError):
            for array in open_checkpoint([path]).stored.values():
                array.load()
            continue
        refused += 1
    assert refused > 10
