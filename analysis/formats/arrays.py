"""Tensors whose numbers do not lie in one piece of one file: held in memory, written as text, or in several pieces."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from analysis.errors import DamagedFile, escape
from analysis.formats.dtypes import DTYPES, Sized
from analysis.formats.stored import Array, Words, pieces


@dataclass(frozen=True, slots=True)
class Text:
    """Where text lies in a file: UTF-8, of characters up to 255 that each stand for a byte."""

    start: int
    nbytes: int  # of the UTF-8


@dataclass(frozen=True, slots=True)
class Held(Sized):
    """A tensor whose bytes a pickle has within its own instructions: at hand, or as text in the file."""

    path: Path
    data: bytes | Text
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES
    fortran: bool = False  # the first axis runs fastest
    big_endian: bool = False

    def load(self) -> Words:
        data = self.data if isinstance(self.data, bytes) else _decode(self.path, self.data)
        if len(data) != self.nbytes:
            raise DamagedFile(f"{escape(self.path.name)} has {len(data):,} bytes for an array of {self.nbytes:,}")
        words = np.frombuffer(data, DTYPES[self.dtype].word).reshape(self.shape, order="F" if self.fortran else "C")
        return (words.byteswap() if self.big_endian else words).copy("C")

    def chunks(self) -> Iterator[Words]:
        yield from pieces(self.load())


def _decode(path: Path, text: Text) -> bytes:
    with path.open("rb") as file:
        file.seek(text.start)
        data = file.read(text.nbytes)
    try:
        return data.decode("utf-8").encode("latin-1")
    except UnicodeError:
        raise DamagedFile(f"{escape(path.name)} has text where the bytes of an array should be") from None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tensor, and the place of its first element in the whole."""

    offsets: tuple[int, ...]
    array: Array


@dataclass(frozen=True, slots=True)
class Joined(Sized):
    """A tensor that is put together of pieces. They are laid out on `grid`, which is then seen as `shape`."""

    pieces: tuple[Piece, ...]
    grid: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES

    @property
    def path(self) -> Path:
        return self.pieces[0].array.path

    def load(self) -> Words:
        values = np.zeros(self.grid, DTYPES[self.dtype].word)
        for piece in self.pieces:
            part = piece.array.load()
            ends = (offset + length for offset, length in zip(piece.offsets, part.shape, strict=True))
            values[tuple(slice(*span) for span in zip(piece.offsets, ends, strict=True))] = part
        return values.reshape(-1)[: math.prod(self.shape)].reshape(self.shape)

    def chunks(self) -> Iterator[Words]:
        yield from pieces(self.load())


@dataclass(frozen=True, slots=True)
class Turned(Sized):
    """A tensor with its sides in another order, which are then seen as `shape`."""

    array: Array
    order: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str  # of the array

    @property
    def path(self) -> Path:
        return self.array.path

    def load(self) -> Words:
        return np.ascontiguousarray(self.array.load().transpose(self.order)).reshape(self.shape)

    def chunks(self) -> Iterator[Words]:
        yield from pieces(self.load())


def join(parts: tuple[Piece, ...], shape: tuple[int, ...], dtype: str) -> Joined:
    """The tensor of that shape out of its parts, which must fill it without a gap, each element once.

    Raises ValueError, saying what is wrong, where they do not.
    """
    for part in parts:
        ends = [offset + length for offset, length in zip(part.offsets, part.array.shape, strict=True)]
        if part.array.dtype != dtype or any(end > length for end, length in zip(ends, shape, strict=True)):
            raise ValueError(
                f"a part of {part.array.dtype} {list(part.array.shape)} at {list(part.offsets)} is not in it"
            )
    size = sum(math.prod(part.array.shape) for part in parts)
    if size != math.prod(shape) or _overlap(parts):
        raise ValueError(f"its parts have {size:,} of its {math.prod(shape):,} elements")
    return Joined(parts, shape, shape, dtype)


def _overlap(parts: tuple[Piece, ...]) -> bool:
    """Whether two parts share elements, by the corner at which each begins and by the boxes of neighbours."""
    boxes = sorted(
        (part.offsets, tuple(map(sum, zip(part.offsets, part.array.shape, strict=True))))
        for part in parts
        if part.array.size
    )
    if len(boxes) > MOST_PARTS:
        return True
    if boxes and sum(len({box[0][axis] for box in boxes}) > 1 for axis in range(len(boxes[0][0]))) == 1:
        return any(_meet(one, other) for one, other in pairwise(boxes))  # side by side: neighbours alone can meet
    return any(_meet(one, other) for place, one in enumerate(boxes) for other in boxes[place + 1 :])


Box = tuple[tuple[int, ...], tuple[int, ...]]
MOST_PARTS = 1024  # ranks that share one tensor


def _meet(one: Box, other: Box) -> bool:
    return all(max(a, c) < min(b, d) for a, b, c, d in zip(*one, *other, strict=True))
