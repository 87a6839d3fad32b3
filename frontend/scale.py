"""Values to a few classes of colour: seven around a usual range, six where there is only more and less."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from analysis.diagnostic import Column
from frontend.numbers import short

DIVERGING = ("a-lo", "a-1", "a-2", "a-3", "a-4", "a-hi", "a-top")
SEQUENTIAL = ("q-0", "q-1", "q-2", "q-3", "q-4", "q-5")
WIDE = 50.0  # from this ratio of largest to smallest on, classes go by logarithm


@dataclass(frozen=True, slots=True)
class Scale:
    """Cuts between classes of colour. `usual` classes include the ends of the usual range."""

    classes: tuple[str, ...]
    cuts: tuple[float, ...]  # one fewer than classes, ascending
    usual: tuple[float, float] | None = None

    def css(self, value: float) -> str:
        """The class of a value. The ends of the usual range count as usual, as the warnings do."""
        if self.usual and value == self.usual[1]:
            return self.classes[bisect_left(self.cuts, value)]
        return self.classes[bisect_right(self.cuts, value)]

    def side(self, value: float) -> str:
        """On which side of the usual range a value lies: "low", "high", or "" inside it."""
        if self.usual is None:
            return ""
        low, high = self.usual
        return "low" if value < low else "high" if value > high else ""

    def legend(self) -> list[tuple[str, str]]:
        """Each class with its range in words."""
        marks = [short(float(cut), 2).removesuffix(".0") for cut in self.cuts]
        middle = [f"{a}–{b}" for a, b in pairwise(marks)]
        return list(zip(self.classes, [f"< {marks[0]}", *middle, f"> {marks[-1]}"], strict=True)) if marks else []


def scale(column: Column, values: Sequence[float]) -> Scale:
    """The scale of a column: around its usual range where it has one, else from its least to its greatest value."""
    if column.usual is not None:
        low, high = column.usual
        if low == high:  # one usual value: what is next to it is pale too
            low, high = low - 0.5, high + 0.5
        step = (high - low) / 4
        cuts = (low, low + step, low + 2 * step, low + 3 * step, high, high + 2 * step)
        return Scale(DIVERGING, cuts, column.usual)
    if not values or min(values) == max(values):
        return Scale(SEQUENTIAL[1:2], ())
    return Scale(SEQUENTIAL, _even(min(values), max(values)))


def _even(low: float, high: float) -> tuple[float, ...]:
    """Five cuts that part the span evenly, by logarithm where it is wide."""
    parts = [i / 6 for i in range(1, 6)]
    if low > 0 and high / low > WIDE:
        return tuple(low * (high / low) ** part for part in parts)
    return tuple(low + (high - low) * part for part in parts)
