"""One number of several models that are no series, as a small SVG: a row for each, by its name, and no line."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.diagnostic import Column
from frontend.compared import Compared, brief
from frontend.numbers import short
from frontend.tables.trend import RIGHT, WIDTH, ends, place_on, usual_part

LEFT = 180.0  # the names stand before it
ROW = 26.0
BELOW = 40.0  # ticks and the title of the axis
LETTERS = 15  # of a name


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    color: str
    place: int
    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Lineup:
    title: str
    entries: tuple[Entry, ...]
    ticks: tuple[tuple[float, str], ...]
    usual: tuple[float, float] | None  # start and width of the usual range
    axis: float
    height: float
    words: str  # for those who do not see it


def lineup(column: Column, looks: Sequence[Compared], values: Sequence[float | None], noun: str) -> Lineup | None:
    """The picture of the models that have a value; None of fewer than two."""
    there = [(look, value) for look, value in zip(looks, values, strict=True) if value is not None]
    if len(there) < 2:
        return None
    low, high = min(value for _, value in there), max(value for _, value in there)
    pad = 0.08 * (high - low) or abs(high) * 0.05 or 1.0
    span = (low - pad, high + pad)
    names = dict(zip((look.position for look in looks), brief([look.name for look in looks], LETTERS), strict=True))
    return Lineup(
        title=column.title,
        entries=tuple(
            Entry(
                names[look.position],
                look.color,
                look.position,
                place_on(value, span, LEFT, WIDTH - RIGHT),
                ROW * (at + 0.5),
                f"{look.name}: {column.title} {short(value)}",
            )
            for at, (look, value) in enumerate(there)
        ),
        ticks=tuple((place_on(x, span, LEFT, WIDTH - RIGHT), text) for x, text in ends(low, high).items()),
        usual=usual_part(column, span, LEFT, WIDTH - RIGHT),
        axis=ROW * len(there),
        height=ROW * len(there) + BELOW,
        words=f"{column.title} of {len(there)} {noun}: from {short(low)} to {short(high)}",
    )
