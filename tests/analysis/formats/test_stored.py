"""Tensors at an offset in a file: strided, big-endian, of less than a byte, and in pieces."""

import zlib
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.errors import DamagedFile
from analysis.formats import stored as module
from analysis.formats.stored import Checksum, Stored, extent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """1,000 int32 counting up, three bytes into the file."""
    path = tmp_path / "file"
    path.write_bytes(b"abc" + np.arange(1000, dtype="<i4").tobytes())
    return path


def at(file: Path, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, first: int = 0) -> Stored:
    return Stored(file, 3 + 4 * first, shape, "int32", strides)


def test_a_contiguous_tensor(file: Path) -> None:
    assert at(file, (2, 3), first=5).load().tolist() == [[5, 6, 7], [8, 9, 10]]


def test_a_transposed_and_an_expanded_one(file: Path) -> None:
    assert at(file, (2, 3), (1, 2)).load().tolist() == [[0, 2, 4], [1, 3, 5]]
    assert at(file, (2, 3), (0, 1)).load().tolist() == [[0, 1, 2], [0, 1, 2]]


def test_a_number_and_an_empty_one(file: Path) -> None:
    assert at(file, (), first=7).load() == 7
    assert at(file, (0, 3)).load().shape == (0, 3)


def test_what_is_loaded_is_ones_own(file: Path) -> None:
    words = at(file, (4,)).load()
    words += 1
    assert at(file, (4,)).load().tolist() == [0, 1, 2, 3]


def test_big_endian_words_are_turned_round(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(np.arange(6, dtype=">i2").tobytes())
    assert Stored(tmp_path / "file", 0, (6,), "int16", None, True).load().tolist() == list(range(6))


def test_halves_of_bytes_come_packed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(8)))
    packed = Stored(tmp_path / "file", 0, (4, 4), "float4_e2m1")
    assert packed.nbytes == 8
    assert packed.load().tolist() == list(range(8))


def test_words_that_are_mapped_and_words_that_are_read_are_the_same(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = (at(file, (2, 3), (1, 2)), at(file, (30, 3), first=5), at(file, ()), at(file, (0, 3)))
    read = [tensor.words() for tensor in tensors]
    monkeypatch.setattr(module, "UNMAPPED", 0)
    for tensor, words in zip(tensors, read, strict=True):
        mapped = tensor.words()
        assert not words.flags.writeable or not words.size
        assert (mapped.dtype, mapped.shape) == (words.dtype, words.shape)
        assert np.array_equal(mapped, words)


def test_a_file_that_has_shrunk_is_an_error_and_no_crash(file: Path) -> None:
    for tensor in (at(file, (1000,)), at(file, (500,), (2,))):
        for left in (3, 1000):
            file.write_bytes(b"abc" * left)
            with pytest.raises(DamagedFile, match="shorter"):
                tensor.load()


def test_what_lies_in_one_piece_is_read_and_not_mapped(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(np, "memmap")
    assert at(file, (2, 3), first=5).load().tolist() == [[5, 6, 7], [8, 9, 10]]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.integers(0, 5), max_size=4).map(tuple),
    order=st.randoms(use_true_random=False),
    chunk=st.integers(4, 200),
)
def test_chunks_add_up_to_the_tensor(file: Path, shape: tuple[int, ...], order: Random, chunk: int) -> None:
    axes = list(range(len(shape)))
    order.shuffle(axes)
    array = np.arange(np.prod(shape, dtype=int), dtype=np.int32).reshape([shape[axis] for axis in axes])
    view = array.transpose(np.argsort(axes)) if axes else array
    strides = tuple(stride // 4 for stride in view.strides)
    tensor = at(file, view.shape, strides)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        pieces = list(tensor.chunks())
    assert b"".join(piece.tobytes() for piece in pieces) == np.ascontiguousarray(view).tobytes()
    assert all(piece.nbytes <= chunk or piece.ndim <= 1 for piece in pieces)


def test_extent() -> None:
    assert extent((), ()) == 1
    assert extent((2, 3), (3, 1)) == 6
    assert extent((5, 0), (1, 1)) == 0


def test_bytes_that_do_not_match_their_checksum_are_not_read(file: Path) -> None:
    whole = file.read_bytes()
    right = Checksum(3, 4000, zlib.crc32(whole[3:]))
    sound = replace(at(file, (10,)), checksum=right)
    assert sound.load().tolist() == list(range(10))
    file.write_bytes(whole[:2000] + b"x" + whole[2001:])  # behind the elements that are asked for
    for read in (sound.load, lambda: list(sound.chunks())):
        with pytest.raises(DamagedFile, match="4,000 bytes at 3 of file do not match the checksum") as caught:
            read()
        assert caught.value.code == "bad-checksum"
