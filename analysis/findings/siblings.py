"""A layer against its siblings: those of the same role and shape, three or more with itself.

Roles differ by nature, so that nothing is said across them. The middle and the spread of the others are robust, their
median and median deviation, and a layer stands out only where it is far by both: by that spread, and by a ratio that
matters whatever the spread.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

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


def families_by_row(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """The family of each row that has one, by the row's `id`."""
    return {id(row): family for family in families(rows) for row in family}


def siblings_of(row: Row, rows: Iterable[Row]) -> list[Row]:
    """The row's family, itself included; none where it has too few."""
    return next((family for family in families(rows) if any(one is row for one in family)), [])


def _place(name: str) -> str:
    """The name without its numbers: what the same module has in every block."""
    return ".".join("#" if word.isdigit() else word for word in name.split("."))


def find_apart(rows: Iterable[Row], value: Callable[[Row], float | None], width: float, far: float) -> list[Apart]:
    """Rows whose value is further from the median of their siblings than `far`, and than `width` robust spreads."""
    return [outlier for family in families(rows) for outlier in _apart_in(family, value, width, far)]


def _apart_in(family: Iterable[Row], value: Callable[[Row], float | None], width: float, far: float) -> Iterator[Apart]:
    """Those of one family. Each is left out in turn: sorted once, as a family may have tens of thousands."""
    values = [(row, number) for row in family if (number := value(row)) is not None]
    if len(values) < FEWEST:
        return
    ordered = sorted(number for _, number in values)
    distances: dict[float, list[float]] = {}  # by the median of the rest, of which there are three at most
    for row, number in values:
        middle = median_without(ordered, number)
        if middle not in distances:
            distances[middle] = sorted(abs(other - middle) for other in ordered)
        if abs(number - middle) > max(far, width * _spread(ordered, distances[middle], number, middle)):
            yield Apart(row, number, middle, len(values) - 1)


def median_without(ordered: Sequence[float], number: float) -> float:
    """The median of sorted values but for one that is among them.

    >>> median_without([1.0, 2.0, 4.0, 9.0], 2.0), median_without([1.0, 2.0, 4.0], 1.0)
    (4.0, 3.0)
    """
    place, half = bisect_left(ordered, number), (len(ordered) - 1) // 2
    upper = ordered[half + (half >= place)]
    if len(ordered) % 2 == 0:
        return upper
    return (ordered[half - 1 + (half - 1 >= place)] + upper) / 2


def _spread(ordered: Sequence[float], distances: Sequence[float], number: float, middle: float) -> float:
    """The robust spread of the others, and no less than half of the range of few values: two say little of a spread.

    `distances` are those of all values to `middle`, sorted.
    """
    robust = ROBUST * median_without(distances, abs(number - middle))
    if len(ordered) > 5:
        return robust
    rest = list(ordered)
    rest.remove(number)
    return max(robust, (rest[-1] - rest[0]) / 2.0)
