"""Weights in flat vectors, one after the other, which several files share out among them: DeepSpeed's partitions."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from analysis.errors import DamagedFile, escape
from analysis.formats.dtypes import DTYPES, Sized
from analysis.formats.stored import Stored, Words, pieces


class Vector:
    """Flat tensors of one type, end to end."""

    def __init__(self, parts: Sequence[Stored]) -> None:
        self.parts = tuple(parts)
        self._starts = (0, *accumulate(part.size for part in parts))

    @property
    def size(self) -> int:
        """Elements of all parts."""
        return self._starts[-1]

    @property
    def dtype(self) -> str:
        return self.parts[0].dtype

    def read(self, start: int, count: int) -> Iterator[Words]:
        """`count` elements from `start` on, piece by piece, and nothing else of the files."""
        place, end = bisect_right(self._starts, start) - 1, start + count
        while start < end:
            part = self.parts[place]
            take = min(end, self._starts[place + 1]) - start
            if take:
                yield _cut(part, start - self._starts[place], take).load()
            start, place = start + take, place + 1


def _cut(part: Stored, start: int, count: int) -> Stored:
    return replace(part, start=part.start + start * (DTYPES[part.dtype].bits // 8), shape=(count,))


@dataclass(frozen=True, slots=True)
class Partitioned(Sized):
    """A tensor of which each vector holds a share: `each` elements from `start` on, the last ones padded."""

    vectors: tuple[Vector, ...]
    start: int
    each: int
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES

    @property
    def path(self) -> Path:
        return self.vectors[0].parts[0].path

    def load(self) -> Words:
        whole = np.empty(math.prod(self.shape), DTYPES[self.dtype].word)
        filled = 0
        for vector in self.vectors:
            take = min(self.each, len(whole) - filled)
            for words in vector.read(self.start, take):
                whole[filled : filled + len(words)] = words
                filled += len(words)
        return whole.reshape(self.shape)

    def chunks(self) -> Iterator[Words]:
        yield from pieces(self.load())


def vector_of(parts: Sequence[Stored], where: str) -> Vector:
    """The parts as one vector. DamagedFile where they are not flat, lie apart, or are of several types."""
    for part in parts:
        if len(part.shape) != 1 or part.strides is not None or DTYPES[part.dtype].bits < 8:
            text = f"{escape(where)} has a partition of shape {list(part.shape)}, which is not flat"
            raise DamagedFile(f"{text}. Save the checkpoint again.", "bad-offsets")
    if len({part.dtype for part in parts}) != 1:
        raise DamagedFile(f"{escape(where)} has partitions of several types. Save the checkpoint again.", "bad-offsets")
    return Vector(parts)
