"""Tensors that are put together or decoded, against NumPy."""

from pathlib import Path

import numpy as np
import pytest

from analysis.errors import DamagedFile
from analysis.formats.arrays import Held, Joined, Piece, Text, join

NUMBERS = np.random.default_rng(0).standard_normal((6, 5)).astype("f4")


def held(array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Held:
    return Held(Path("x"), array.tobytes(), array.shape, "float32")


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_at_hand(fortran: bool, order: str) -> None:
    data = NUMBERS.astype(f"{order}f4").tobytes("F" if fortran else "C")
    array = Held(Path("x"), data, (6, 5), "float32", fortran, order == ">")
    assert np.array_equal(array.load().view("f4"), NUMBERS)
    assert np.array_equal(np.concatenate(list(array.chunks())).view("f4"), NUMBERS)
    assert array.nbytes == NUMBERS.nbytes


def test_bytes_as_text_in_the_file(tmp_path: Path) -> None:
    text = NUMBERS.tobytes().decode("latin-1").encode()
    (tmp_path / "x").write_bytes(b"before" + text + b"behind")
    array = Held(tmp_path / "x", Text(6, len(text)), (6, 5), "float32")
    assert np.array_equal(array.load().view("f4"), NUMBERS)
    with pytest.raises(DamagedFile):
        Held(tmp_path / "x", Text(6, len(text) // 2), (6, 5), "float32").load()


def test_pieces_make_the_whole() -> None:
    parts = tuple(Piece((row, column), held(NUMBERS[row : row + 3, column : column + 3]))
                  for row in (0, 3) for column in (0, 3))  # fmt: skip
    whole = join(parts, (6, 5), "float32")
    assert np.array_equal(whole.load().view("f4"), NUMBERS)
    assert whole.nbytes == NUMBERS.nbytes


@pytest.mark.parametrize(
    "places",
    [[(0, 0)], [(0, 0), (0, 0)], [(0, 0), (2, 0)], [(0, 0), (4, 0)]],
    ids=["a gap", "twice the same", "overlap", "outside"],
)
def test_pieces_that_do_not_fit_are_refused(places: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="part"):
        join(tuple(Piece(place, held(NUMBERS[:3])) for place in places), (6, 5), "float32")


def test_a_flat_piece_with_padding_behind() -> None:
    flat = np.append(NUMBERS.reshape(-1), np.zeros(2, "f4"))
    halves = tuple(Piece((start,), held(flat[start : start + 16])) for start in (0, 16))
    assert np.array_equal(Joined(halves, (32,), (6, 5), "float32").load().view("f4"), NUMBERS)


def test_an_overlap_behind_a_part_without_elements() -> None:
    """As many elements as the whole has, of which some stand twice and some nowhere."""
    parts = tuple(Piece((row, 0), held(NUMBERS[:rows])) for row, rows in ((0, 3), (2, 0), (2, 3)))
    with pytest.raises(ValueError, match="its parts"):
        join(parts, (6, 5), "float32")
