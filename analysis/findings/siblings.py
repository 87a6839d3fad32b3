"""A layer against its siblings: those of the same role and shape, three or more with itself.

Roles differ by nature, so that nothing is said across them. The middle and the spread of the others are robust, their
median and median deviation, and a layer stands out only where it is far by both: by that spread, and by a ratio that
matters whatever the spread.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from analysis.diagnostic import Row

FEWEST = 3
ROBUST = 1.4826  # times the median deviation is the standard deviation of a normal law


@dataclass(frozen=True, slots=True)
class Apart:
    """A row that stands out, with its value and the middle of its siblings'."""

    row: Row
    value: float
    middle: float
    siblings: int


def families(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows of one group of checkpoints, role and shape, where they are three or more."""
    members: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        info = row.weight
        members[row.group, info.role, _place(info.name), info.rows, info.columns, info.slices].append(row)
    return [family for family in members.values() if len(family) >= FEWEST]


def siblings_of(row: Row, rows: Iterable[Row]) -> list[Row]:
    """The row's family, itself included; none where it has too few."""
    return next((family for family in families(rows) if any(one is row for one in family)), [])


def _place(name: str) -> str:
    """The name without its numbers: what the same module has in every block."""
    return ".".join("#" if word.isdigit() else word for word in name.split("."))


def find_apart(rows: Iterable[Row], value: Callable[[Row], float | None], width: float, far: float) -> list[Apart]:
    """Rows whose value is further from the median of their siblings than `far`, and than `width` robust spreads."""
    outliers = []
    for family in families(rows):
        values = [(row, number) for row in family if (number := value(row)) is not None]
        for index, (row, number) in enumerate(values):
            rest = [other for place, (_, other) in enumerate(values) if place != index]
            if len(rest) + 1 < FEWEST:
                continue
            middle = median(rest)
            if abs(number - middle) > max(far, width * _spread(rest, middle)):
                outliers.append(Apart(row, number, middle, len(rest)))
    return outliers


def _spread(values: Sequence[float], middle: float) -> float:
    """The robust spread, and no less than half of the range of few values: two of them say little of a spread."""
    robust = ROBUST * median(abs(value - middle) for value in values)
    return max(robust, (max(values) - min(values)) / 2.0) if len(values) < 5 else robust
