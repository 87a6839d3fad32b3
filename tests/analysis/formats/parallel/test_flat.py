"""Tensors out of flat vectors."""

from pathlib import Path

import numpy as np
import pytest

from analysis.errors import DamagedFile
from analysis.formats.parallel.flat import Partitioned, Vector, vector_of
from analysis.formats.stored import Stored


def parts(folder: Path, *lengths: int) -> list[Stored]:
    """Vectors of whole numbers, which go on from one to the next, in files of their own."""
    found, first = [], 0
    for length in lengths:
        path = folder / str(first)
        np.arange(first, first + length, dtype="f4").tofile(path)
        found.append(Stored(path, 0, (length,), "float32"))
        first += length
    return found


def test_a_part_of_a_vector_across_files(tmp_path: Path) -> None:
    vector = Vector(parts(tmp_path, 4, 0, 3, 5))
    for start in range(12):
        for count in range(13 - start):
            found = [word for words in vector.read(start, count) for word in words.view("f4")]
            assert found == list(range(start, start + count))
    assert (vector.size, vector.dtype) == (12, "float32")


def test_a_tensor_of_equal_shares_without_the_padding(tmp_path: Path) -> None:
    vectors = tuple(Vector([part]) for part in parts(tmp_path, 5, 5, 5))
    tensor = Partitioned(vectors, 1, 3, (2, 4), "float32")
    assert tensor.load().view("f4").tolist() == [[1, 2, 3, 6], [7, 8, 11, 12]]
    assert np.array_equal(np.concatenate(list(tensor.chunks())), tensor.load())
    assert tensor.path == vectors[0].parts[0].path


def test_what_is_no_vector(tmp_path: Path) -> None:
    matrix, turned = Stored(tmp_path, 0, (2, 2), "float32"), Stored(tmp_path, 0, (4,), "float32", (2,))
    for wrong in (matrix, turned):
        with pytest.raises(DamagedFile, match="which is not flat"):
            vector_of([wrong], "file")
    with pytest.raises(DamagedFile, match="several types"):
        vector_of([Stored(tmp_path, 0, (4,), "float32"), Stored(tmp_path, 0, (4,), "float16")], "file")
