"""Protobuf's wire format: the fields of a message as numbers and as places in the file, so that no tensor is copied.

https://protobuf.dev/programming-guides/encoding. The library parses a whole file into memory, twice its size.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field

from analysis.errors import DamagedFile, UnsafeFile

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}
SHORT = 0x80  # below it, a byte is a whole number: nearly all are, and a call for each takes most of the time
MOST_FIELDS = 2_000_000  # of a file; a graph of 10,000 nodes has 200,000
LONGEST_TEXT = 2**20


@dataclass(slots=True)
class Budget:
    """How many fields may still be read."""

    left: int = MOST_FIELDS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise UnsafeFile(f"its graph has more than {MOST_FIELDS:,} fields. Save the weights alone.", "unbounded")


@dataclass(frozen=True, slots=True)
class Message:
    """A message, or any bytes, within a file."""

    data: mmap.mmap
    start: int
    end: int
    budget: Budget = field(default_factory=Budget)

    @property
    def nbytes(self) -> int:
        return self.end - self.start

    def bytes(self) -> bytes:
        return self.data[self.start : self.end]

    def text(self) -> str:
        if self.nbytes > LONGEST_TEXT:
            raise damage(f"it has text of {self.nbytes:,} bytes")
        return self.bytes().decode("utf-8", "surrogateescape")

    def fields(self) -> Iterator[tuple[int, "int | Message"]]:
        """The number of each field, with its value where that is a varint, and with its place otherwise."""
        place, data, end = self.start, self.data, self.end
        while place < end:
            self.budget.take()
            tag, place = (data[place], place + 1) if data[place] < SHORT else self._varint(place)
            number, kind = tag >> 3, tag & 7
            if kind == VARINT:
                is_short = place < end and data[place] < SHORT
                value, place = (data[place], place + 1) if is_short else self._varint(place)
                yield number, value
                continue
            length, place = self._varint(place) if kind == BYTES else (WIDTHS.get(kind, -1), place)
            if length < 0 or place + length > self.end:
                raise damage("a field ends behind it, or is of a kind that is none")
            yield number, Message(self.data, place, place + length, self.budget)
            place += length

    def varints(self, most: int) -> list[int]:
        """The numbers of a packed field; DamagedFile where there are more."""
        place, numbers = self.start, list[int]()
        while place < self.end:
            value, place = self._varint(place)
            numbers.append(value)
            if len(numbers) > most:
                raise damage(f"a list of numbers has more than {most:,}")
        return numbers

    def _varint(self, place: int) -> tuple[int, int]:
        value = shift = 0
        while shift < 70:
            if place >= self.end:
                raise damage("a number is cut off")
            byte = self.data[place]
            place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, place
            shift += 7
        raise damage("a number has more than ten bytes")


def damage(what: str) -> DamagedFile:
    return DamagedFile(f"its protobuf is cut off or damaged: {what}. Download or export it again.", "truncated-file")
