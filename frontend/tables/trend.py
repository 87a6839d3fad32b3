"""A column along something, as a small SVG: the same weight over steps, or the weights of one role over blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.diagnostic import Column
from frontend.numbers import setting, short

WIDTH, HEIGHT = 560.0, 176.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 22.0, 38.0
MOST_TICKS = 8
MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a place, with what it is called."""

    x: float
    value: float
    label: str
    url: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    title: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Trend:
    title: str
    along: str  # what the x axis is of
    dots: tuple[Dot, ...]
    path: str  # "" where nothing joins the points
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    usual: tuple[float, float] | None  # top and height of the usual range
    words: str  # for those who do not see it


def trend(column: Column, points: Sequence[Point], noun: str, along: str, joined: bool = True) -> Trend | None:
    """The picture of the points; None of fewer than two. `along` is the title of the x axis."""
    if len(points) < 2:
        return None
    xs, values = [point.x for point in points], [point.value for point in points]
    low, high = min(values), max(values)
    pad = 0.08 * (high - low) or abs(high) * 0.05 or 1.0
    y_span, x_span = (low - pad, high + pad), (min(xs), max(xs))
    dots = tuple(
        Dot(
            place_on(point.x, x_span, LEFT, WIDTH - RIGHT),
            place_on(point.value, y_span, HEIGHT - BOTTOM, TOP),
            f"{point.label}: {column.title} {short(point.value)}",
            point.url,
            point.current,
        )
        for point in points
    )
    return Trend(
        title=column.title,
        along=along,
        dots=dots,
        path="M" + "L".join(f"{dot.x:.1f} {dot.y:.1f}" for dot in dots) if joined else "",
        x_ticks=tuple((place_on(x, x_span, LEFT, WIDTH - RIGHT), setting(x)) for x in _ticks(xs)),
        y_ticks=tuple((place_on(y, y_span, HEIGHT - BOTTOM, TOP), text) for y, text in ends(low, high).items()),
        usual=usual_part(column, y_span, HEIGHT - BOTTOM, TOP),
        words=f"{column.title} of {len(points)} {noun}: from {short(low)} to {short(high)}",
    )


def place_on(value: float, span: tuple[float, float], start: float, end: float) -> float:
    low, high = span
    share = 0.5 if high == low else (value - low) / (high - low)
    return round(start + share * (end - start), 1)


def ends(low: float, high: float) -> dict[float, str]:
    """The two ends of what is shown, with as many digits as tell them apart.

    >>> ends(20.61, 20.64), ends(3.0, 3.0)
    ({20.61: '20.61', 20.64: '20.64'}, {3.0: '3.00'})
    """
    digits = next((digits for digits in range(3, MOST_DIGITS) if short(low, digits) != short(high, digits)), 3)
    return {value: short(value, digits) for value in (low, high)}


def _ticks(xs: Sequence[float]) -> list[float]:
    """Some of the places, the first and the last among them."""
    places = sorted(set(xs))
    if len(places) <= MOST_TICKS:
        return places
    step = (len(places) - 1) / (MOST_TICKS - 1)
    return [places[round(index * step)] for index in range(MOST_TICKS)]


def usual_part(column: Column, span: tuple[float, float], start: float, end: float) -> tuple[float, float] | None:
    """The part of the usual range that an axis shows, as its least place and its length; None where it shows none."""
    if column.usual is None:
        return None
    low, high = max(column.usual[0], span[0]), min(column.usual[1], span[1])
    if low >= high:
        return None
    one, other = sorted(place_on(value, span, start, end) for value in (low, high))
    return one, round(other - one, 1)
