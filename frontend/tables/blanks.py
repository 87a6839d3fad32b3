"""Cells without a number: of a weight that holds NaN, and of one that has no such value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Row
from frontend.numbers import ABSENT
from frontend.rows import number

NAN, NONE = "a-nan", "a-none"  # classes of cells
MARKS = {NAN: "✕", NONE: ""}  # colour is never the only sign
WORDS = {NAN: "NaN or infinity", NONE: "no value"}


@dataclass(frozen=True, slots=True)
class Blank:
    """Why a place of a grid has no number, and of which of its weights that is told."""

    css: str
    row: Row
    title: str

    @property
    def text(self) -> str:
        return "NaN" if self.css == NAN else ABSENT


def find_blank(rows: Sequence[Row], name: str) -> Blank | None:
    """Of weights of which one holds NaN, or none has a value in the column; None where there is a number to show."""
    broken = [row for row in rows if is_broken(row, name)]
    if not broken and any(number(row, name) is not None for row in rows):
        return None
    row = (broken or rows)[0]
    return Blank(NAN if broken else NONE, row, f"{row.weight.label}: {row.reason or 'it has no such value'}")


def is_broken(row: Row, name: str) -> bool:
    """Whether it has no value in the column because the weight holds NaN or infinity."""
    return row.is_not_finite and row.value(name) is None


def has_cell(row: Row, name: str) -> bool:
    """Whether a weight is shown wherever it lies: with a number, or as one that holds NaN."""
    return number(row, name) is not None or is_broken(row, name)


def legend_of(classes: Iterable[str]) -> list[tuple[str, str, str]]:
    """The class, the sign and the meaning of each kind of blank cell that is there."""
    there = set(classes)
    return [(css, MARKS[css] or ABSENT, words) for css, words in WORDS.items() if css in there]
