"""A column along something, as a small SVG: the same weight over steps, or the weights of one role over blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.diagnostic import Column
from frontend.numbers import setting, short

WIDTH, HEIGHT = 560.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 10.0, 24.0
MOST_TICKS = 8


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
    dots: tuple[Dot, ...]
    path: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    usual: tuple[float, float] | None  # top and height of the usual range
    words: str  # for those who do not see it


def trend(column: Column, points: Sequence[Point], noun: str) -> Trend | None:
    """The picture of the points; None of fewer than two."""
    if len(points) < 2:
        return None
    xs, values = [point.x for point in points], [point.value for point in points]
    low, high = min(values), max(values)
    pad = 0.08 * (high - low) or abs(high) * 0.05 or 1.0
    y_span, x_span = (low - pad, high + pad), (min(xs), max(xs))
    dots = tuple(
        Dot(
            _place(point.x, x_span, LEFT, WIDTH - RIGHT),
            _place(point.value, y_span, HEIGHT - BOTTOM, TOP),
            f"{point.label}: {column.title} {short(point.value)}",
            point.url,
            point.current,
        )
        for point in points
    )
    return Trend(
        title=column.title,
        dots=dots,
        path="M" + "L".join(f"{dot.x:.1f} {dot.y:.1f}" for dot in dots),
        x_ticks=tuple((_place(x, x_span, LEFT, WIDTH - RIGHT), setting(x)) for x in _ticks(xs)),
        y_ticks=tuple((_place(y, y_span, HEIGHT - BOTTOM, TOP), short(y)) for y in dict.fromkeys((low, high))),
        usual=_usual(column, y_span),
        words=f"{column.title} of {len(points)} {noun}: from {short(low)} to {short(high)}",
    )


def _place(value: float, span: tuple[float, float], start: float, end: float) -> float:
    low, high = span
    share = 0.5 if high == low else (value - low) / (high - low)
    return round(start + share * (end - start), 1)


def _ticks(xs: Sequence[float]) -> list[float]:
    """Some of the places, the first and the last among them."""
    places = sorted(set(xs))
    if len(places) <= MOST_TICKS:
        return places
    step = (len(places) - 1) / (MOST_TICKS - 1)
    return [places[round(index * step)] for index in range(MOST_TICKS)]


def _usual(column: Column, span: tuple[float, float]) -> tuple[float, float] | None:
    """The part of the usual range that the picture shows; None where it shows none of it."""
    if column.healthy is None:
        return None
    low, high = max(column.healthy[0], span[0]), min(column.healthy[1], span[1])
    if low >= high:
        return None
    top, bottom = (_place(y, span, HEIGHT - BOTTOM, TOP) for y in (high, low))
    return top, round(bottom - top, 1)
