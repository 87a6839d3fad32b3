"""`.npz`, against numpy.savez and numpy.load."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from analysis.errors import DamagedFile
from analysis.formats import open_checkpoint, rewrite
from analysis.formats.stored import CHUNK

Arrays = dict[str, Any]
both_ways = pytest.mark.parametrize("save", [np.savez, np.savez_compressed])


def arrays() -> Arrays:
    rng = np.random.default_rng(1)
    return {
        "dense/kernel": rng.normal(size=(30, 20)).astype("f4"),
        "fortran": np.asfortranarray(rng.normal(size=(7, 5, 3))),
        "big": rng.normal(size=(4, 6)).astype(">f4"),
        "half": rng.normal(size=(9,)).astype("f2"),
        "step": np.int64(300),
    }


@both_ways
def test_every_array_comes_back_as_numpy_loads_it(save: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save(path, **arrays())
    checkpoint = open_checkpoint([path])
    assert checkpoint.format == "npz"
    with np.load(path) as theirs:
        assert list(checkpoint.stored) == theirs.files
        for name in theirs.files:
            np.testing.assert_array_equal(checkpoint.read(name).numpy(), theirs[name])


@both_ways
@pytest.mark.parametrize("chunk", [8, 64, CHUNK])
def test_a_rewrite_is_what_safetensors_reads(
    save: Callable[..., None], chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.formats.readers.numpy_archive.CHUNK", chunk)
    save(tmp_path / "model.npz", **arrays())
    rewrite(open_checkpoint([tmp_path / "model.npz"]), tmp_path / "rewritten")
    found = safetensors.numpy.load_file(tmp_path / "rewritten")
    assert found.keys() == arrays().keys()
    for name, wanted in arrays().items():
        np.testing.assert_array_equal(found[name], wanted)


def test_what_is_no_number_is_listed(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}, None], dtype=object)
    pair = np.zeros(3, [("x", "f4"), ("y", "f4")])
    np.savez(tmp_path / "model.npz", weight=np.eye(3), config=objects, names=np.array(["a", "b"]), pair=pair)
    with zipfile.ZipFile(tmp_path / "model.npz", "a") as archive:
        archive.writestr("notes.txt", "text")
    checkpoint = open_checkpoint([tmp_path / "model.npz"])
    assert list(checkpoint.stored) == ["weight"]
    assert set(checkpoint.aside) == {"config", "names", "pair", "notes.txt"}
    assert "objects" in checkpoint.aside["config"].reason


def test_next_to_a_checkpoint_it_is_left_aside(tmp_path: Path) -> None:
    np.savez(tmp_path / "statistics.npz", mean=np.zeros(3))
    safetensors.numpy.save_file({"weight": np.eye(3)}, tmp_path / "model.safetensors")
    checkpoint = open_checkpoint([tmp_path])
    assert list(checkpoint.stored) == ["weight"]
    assert "statistics.npz" in str(checkpoint.facts["ignored_files"])


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_a_deflated_array_that_was_changed_is_refused(place: float, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez_compressed(path, weight=np.random.default_rng(0).normal(size=(100, 100)))
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"checksum|inflated|early|longer"):
        open_checkpoint([path]).read("weight")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_bit_that_has_changed_is_noticed(save: Any, tmp_path: Path) -> None:
    save(tmp_path / "m.npz", a=np.zeros((64, 64)))
    whole = bytearray((tmp_path / "m.npz").read_bytes())
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        (member,) = archive.infolist()
    whole[member.header_offset + 30 + len(member.filename) + 20 + member.compress_size - 1] ^= 1
    (tmp_path / "m.npz").write_bytes(whole)
    with pytest.raises(DamagedFile):
        open_checkpoint([tmp_path / "m.npz"]).read("a")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_array_of_many_dimensions_is_left_out(save: Any, tmp_path: Path) -> None:
    save(tmp_path / "m.npz", a=np.ones(3), odd=np.ones([1] * 40))
    checkpoint = open_checkpoint([tmp_path / "m.npz"])
    assert list(checkpoint.stored) == ["a"]
    assert checkpoint.aside["odd"].reason == "it has 40 dimensions, and at most 32 are read"
