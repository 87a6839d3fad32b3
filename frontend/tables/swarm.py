"""Every value of a column as a dot on one line: where the model stands, and who stands apart."""

from collections import Counter
from dataclasses import dataclass

from analysis.diagnostic import Column, Row, Table
from frontend.figures.data import ceiling
from frontend.numbers import short
from frontend.rows import number, rows_at
from frontend.scale import Scale, scale

WIDTH, FLOOR = 560.0, 100.0  # of the drawing; dots stand on FLOOR
TOP = 20.0  # stacks end here
EDGE = 10.0  # free at both ends
TITLE = 24.0  # for the column's title at the right end of the ticks
PITCHES = (9.5, 8.0, 6.5, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0)  # distances between dots to try, largest first
SIDES = {"low": "low", "high": "out", "": ""}
NAMED = 6  # dots outside the range that carry their names
LETTER = 5.6  # px, mean width of a letter at 11 px


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    css: str  # "", "low" or "out"
    weight: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    y: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Swarm:
    dots: list[Dot]
    radius: float
    labels: list[Label]
    ticks: list[tuple[float, str]]
    band: tuple[float, float] | None  # left end and width of the usual range
    words: str


def swarm(table: Table, name: str, position: int = 0) -> Swarm | None:
    """The dots of one column; None where it has no value."""
    column = table.diagnostic.column(name)
    rows = [row for row in rows_at(table, position) if number(row, name) is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: number(row, name) or 0.0)
    values = [number(row, name) or 0.0 for row in rows]
    colors = scale(column, values)
    low, high = _ends(values, colors.usual)

    def place_of(value: float) -> float:
        return (min(max(value, low), high) - low) / (high - low) * (WIDTH - 2 * EDGE) + EDGE

    places = [place_of(value) for value in values]
    pitch, points = _stack(places)
    dots = [
        Dot(x, y, SIDES[colors.side(value) if column.judges(row) else ""], row.weight.name,
            f"{row.weight.label}: {short(value)}")
        for row, value, (x, y) in zip(rows, values, points, strict=True)
    ]  # fmt: skip
    band = None if colors.usual is None else (place_of(colors.usual[0]), place_of(colors.usual[1]))
    return Swarm(
        dots=dots,
        radius=round(pitch * 0.42, 2),
        labels=_labels(rows, dots, colors),
        ticks=_ticks(low, high),
        band=None if band is None else (band[0], band[1] - band[0]),
        words=f"{column.title} of {len(dots)} weights as dots on a line{_count_usual(rows, values, column, colors)}",
    )


def _count_usual(rows: list[Row], values: list[float], column: Column, colors: Scale) -> str:
    """How many values lie in the usual range, of those that may be compared with it."""
    if colors.usual is None:
        return ""
    judged = [value for row, value in zip(rows, values, strict=True) if column.judges(row)]
    left_out = len(rows) - len(judged)
    inside = sum(colors.side(value) == "" for value in judged)
    rest = f", {left_out} {'is' if left_out == 1 else 'are'} not compared with it" if left_out else ""
    return f"; {inside} of {len(judged)} lie in the usual range{rest}"


def _ends(values: list[float], usual: tuple[float, float] | None) -> tuple[float, float]:
    low, high = values[0], values[-1]
    if usual is not None:
        wide = usual[1] - usual[0]
        low = min(low, usual[0] - wide / 4)
        high = min(max(high, usual[1] + wide / 4), ceiling(values, usual))
        low = max(low, usual[0] - wide)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _stack(places: list[float]) -> tuple[float, list[tuple[float, float]]]:
    """Dots in columns, one above the other, as large as the tallest column allows."""
    for pitch in PITCHES:
        columns = [round(x / pitch) for x in places]
        if max(Counter(columns).values()) * pitch <= FLOOR - TOP or pitch == PITCHES[-1]:
            break
    counts: Counter[int] = Counter()
    points = []
    for column in columns:
        points.append((round(column * pitch, 1), round(FLOOR - pitch * (0.62 + counts[column]), 1)))
        counts[column] += 1
    return pitch, points


def _labels(rows: list[Row], dots: list[Dot], colors: Scale) -> list[Label]:
    """Names for the outermost dots beyond the usual range, where they do not run into each other."""
    if colors.usual is None:
        return []
    outliers = [i for i, dot in enumerate(dots) if dot.css]
    outliers.sort(key=lambda i: -abs(dots[i].x - WIDTH / 4))
    intervals: list[tuple[float, float]] = []
    labels = []
    for i in outliers[:NAMED]:
        text = rows[i].weight.label.replace("Block ", "").replace(" · ", " ").removesuffix(" embedding")
        half = len(text) * LETTER / 2
        x = min(max(dots[i].x, half), WIDTH - half)
        if len(text) <= 24 and all(x + half < left or x - half > right for left, right in intervals):
            intervals.append((x - half - 6, x + half + 6))
            top = min(dot.y for dot in dots if x - half - 4 <= dot.x <= x + half + 4)
            labels.append(Label(x, top - 9, text, "middle"))
    return labels


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    span = high - low
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e3, 1e4, 1e6, 1e9, float("inf")) if span / s <= 8)
    first = int(-(-low // step))
    marks = [i * step for i in range(first, int(high // step) + 1)]
    ticks = [((mark - low) / span * (WIDTH - 2 * EDGE) + EDGE, f"{mark:g}") for mark in marks]
    return [(x, text) for x, text in ticks if x < WIDTH - TITLE]
