"""The data of every kind of figure, prepared: plain numbers, tested on their values, drawn by frontend.figures.draw.

Each function returns its record, or a sentence that says why there is nothing to draw.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from analysis.diagnostic import Figure, Row, Table
from frontend.numbers import short
from frontend.palette import order
from frontend.rows import At, number, row_of, rows_at, values_on_one_scale

CROWD = 160  # points from which a depth figure draws them small
BEYOND, MEDIANS = 2.0, 4.0  # a scale ends so many usual widths above the usual range, or medians above zero
LOG_FROM = 20.0  # a line's x axis is logarithmic from this ratio of its ends on

# ---------- line ----------


@dataclass(frozen=True, slots=True)
class Line:
    x: list[float]
    y: list[float]
    mark: tuple[float, float] | None
    logarithmic: bool
    x_range: tuple[float, float]  # log10 where logarithmic
    y_range: tuple[float, float]


def line(figure: Figure, table: Table, weight: str | None, position: At) -> Line | str:
    """`y` over `x`, with the point (`x0`, `y0`) marked."""
    row = row_of(table, weight, position)
    curves, parts = row.measurement.curves, figure.parts
    if parts["x"] not in curves or len(curves[parts["x"]]) < 2:
        return row.reason or "There is no curve to draw."
    x, y = (np.asarray(curves[parts[axis]], dtype=np.float64) for axis in "xy")
    logarithmic = bool(x.min() > 0 and x.max() / x.min() > LOG_FROM)
    ends = np.log10([x.min(), x.max()]) if logarithmic else np.array([x.min(), x.max()])
    pad = 0.02 * float(ends[1] - ends[0]) or 0.5
    mark = number(row, parts.get("x0")), number(row, parts.get("y0"))
    return Line(
        x=x.tolist(),
        y=y.tolist(),
        mark=None if mark[0] is None or mark[1] is None else (mark[0], mark[1]),
        logarithmic=logarithmic,
        x_range=(float(ends[0]) - pad, float(ends[1]) + pad),
        y_range=(min(0.0, float(y.min())), 1.08 * float(y.max()) or 1.0),
    )


# ---------- depth ----------


@dataclass(frozen=True, slots=True)
class Point:
    depth: int
    value: float
    shown: float  # the value, or the end of the drawn range where it lies beyond
    error: float | None
    weak: bool
    weight: str
    text: str  # "8.44 ± 2.48"


@dataclass(frozen=True, slots=True)
class Depth:
    roles: dict[str, list[Point]]  # in order of depth
    middle: dict[str, tuple[list[int], list[float]]]  # depths and the median there
    ends: dict[str, float]  # the median at each role's last depth
    dense: bool  # too many points for marks of full size and error bars
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    judged: bool = True  # whether any of the values may be compared with the usual range


def depth(figure: Figure, table: Table, weight: str | None, position: At) -> Depth | str:
    """`y` ± `error` by depth, for each role; points whose flag `hollow` is true are drawn hollow."""
    name = figure.parts["y"]
    rows = [row for row in rows_at(table, position) if row.weight.depth is not None and number(row, name) is not None]
    if not rows:
        return "No weight here belongs to a numbered block."
    usual = table.diagnostic.column(name).usual
    span = drawn_range(values_on_one_scale(table, name, position, in_blocks=True), usual)
    roles: dict[str, list[Point]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.weight.depth or 0):
        roles[row.weight.role].append(_point(row, figure, span[1]))
    middle = {role: _middle(points) for role, points in roles.items()}
    depths = [row.weight.depth or 0 for row in rows]
    pad = max(0.25, 0.02 * (max(depths) - min(depths)))
    return Depth(
        roles=dict(roles),
        middle=middle,
        ends={role: values[-1] for role, (_, values) in middle.items()},
        dense=len(rows) > CROWD,
        x_range=(min(depths) - pad, max(depths) + pad),
        y_range=span,
        judged=any(map(table.diagnostic.column(name).judges, rows)),
    )


def drawn_range(values: Sequence[float], usual: tuple[float, float] | None) -> tuple[float, float]:
    """The range of an axis: all values and the usual range, but no further up than `ceiling`."""
    low, high = min(values), max(values)
    if usual is not None:
        low, high = min(low, usual[0]), min(max(high, usual[1]), ceiling(values, usual))
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def ceiling(values: Sequence[float], usual: tuple[float, float]) -> float:
    """Where a scale ends, so that one enormous value does not flatten the rest."""
    if usual[0] == usual[1]:
        return max(values)
    return max(usual[1] + BEYOND * (usual[1] - usual[0]), MEDIANS * median(values))


def _point(row: Row, figure: Figure, top: float) -> Point:
    value, error = number(row, figure.parts["y"]) or 0.0, number(row, figure.parts.get("error"))
    text = short(value) + ("" if error is None else f" ± {short(error)}")
    weak = bool(row.value(figure.parts.get("hollow", "")))
    return Point(row.weight.depth or 0, value, min(value, top), error, weak, row.weight.name, text)


def _middle(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    by_depth: dict[int, list[float]] = defaultdict(list)
    for point in points:
        by_depth[point.depth].append(point.shown)
    return list(by_depth), [median(values) for values in by_depth.values()]


# ---------- heat map ----------


@dataclass(frozen=True, slots=True)
class Heatmap:
    """The median of a column for each role (rows) and depth (columns); None where there is no value."""

    roles: list[str]
    depths: list[int]
    values: list[list[float | None]]
    texts: list[list[str]]
    weights: list[list[str]]  # the first weight behind each value, "" where there is none
    span: tuple[float, float]
    broken: list[tuple[str, int]]  # role and depth of the weights that hold NaN


def heatmap(figure: Figure, table: Table, weight: str | None, position: At) -> Heatmap | str:
    """`color` by depth and role."""
    name = figure.parts["color"]
    cells: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows_at(table, position):
        if row.weight.depth is not None and (number(row, name) is not None or row.is_not_finite):
            cells[row.weight.role, row.weight.depth].append(row)
    if not any(number(row, name) is not None for rows in cells.values() for row in rows):
        return "No weight here belongs to a numbered block."
    roles = sorted({role for role, _ in cells}, key=order)
    depths = sorted({block for _, block in cells})
    values = [[_median(cells.get((role, block), []), name) for block in depths] for role in roles]
    all_values = [value for line in values for value in line if value is not None]
    usual = table.diagnostic.column(name).usual
    wide = 0.0 if usual is None else (usual[1] - usual[0] or 1.0) * 0.75
    span = (min(all_values), max(all_values)) if usual is None else (usual[0] - wide, usual[1] + wide)
    texts = [["" if value is None else short(value, 2) for value in line] for line in values]
    names = [
        [cells[role, block][0].weight.name if (role, block) in cells else "" for block in depths] for role in roles
    ]
    broken = [place for place, rows in cells.items() if any(row.is_not_finite for row in rows)]
    return Heatmap(roles, depths, values, texts, names, span, broken)


def _median(rows: Sequence[Row], name: str) -> float | None:
    values = [value for row in rows if (value := number(row, name)) is not None]
    return median(values) if values else None
