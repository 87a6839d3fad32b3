"""The data of every kind of figure, prepared: plain numbers, tested on their values, drawn by frontend.figures.

Each function returns its record, or a sentence that says why there is nothing to draw.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from analysis.diagnostic import Figure, Row, Table
from frontend.numbers import short
from frontend.palette import order

LEFT_OUT = 0.03  # share of the smallest values that a density leaves out of the picture: a long thin left end
BINS = (8, 60)  # at least, at most
CROWD = 160  # points from which a depth figure draws them small
BEYOND, MEDIANS = 2.0, 4.0  # a scale ends so many healthy widths above the healthy range, or medians above zero
LOG_FROM = 20.0  # a line's x axis is logarithmic from this ratio of its ends on


def rows_at(table: Table, position: int) -> list[Row]:
    """The rows about the checkpoint at this place in the run."""
    return [row for row in table.rows if row.group[-1:] in ((position,), ())]


def row_of(table: Table, weight: str | None, position: int) -> Row:
    for row in rows_at(table, position):
        if row.weight.name == weight:
            return row
    raise KeyError(weight)


def number(row: Row, column: str | None) -> float | None:
    """The row's value in a numeric column, if there is one."""
    value = None if column is None else row.value(column)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


# ---------- density ----------


@dataclass(frozen=True, slots=True)
class Density:
    """A histogram over logarithmic bins, as a density, and the power law fitted to its tail."""

    middles: list[float]  # of the bins, halfway between their edges
    widths: list[float]
    heights: list[float]  # count / (total × width of the bin): what a probability density integrates like
    counts: list[int]
    in_tail: list[bool]
    step: float  # from bin to bin, in powers of ten
    total: int
    x_range: tuple[float, float]  # log10
    y_range: tuple[float, float]  # log10
    fit: tuple[list[float], list[float]] | None = None
    slope: float = 0.0
    tail_from: float = 0.0  # log10 of where the tail starts
    tail_label: str = ""  # the same in words


def density(figure: Figure, table: Table, weight: str | None, position: int) -> Density | str:
    """`values` in bins; the tail from `xmin` falls with the exponent `alpha`."""
    row = row_of(table, weight, position)
    values = _positive(row.measurement.curves.get(figure.parts["values"]))
    if len(values) < 2 or values[0] == values[-1]:
        return row.measurement.note or "There are too few different values for a density."
    bins = _bins(values)
    start, alpha = number(row, figure.parts.get("xmin")), number(row, figure.parts.get("alpha"))
    if start is None or alpha is None or start >= values[-1]:
        return bins
    return _with_tail(bins, values, start, alpha)


def _positive(curve: NDArray[np.float32] | None) -> NDArray[np.float64]:
    values = np.sort(np.asarray([] if curve is None else curve, dtype=np.float64))
    return values[values > 0]


def _bins(values: NDArray[np.float64]) -> Density:
    """The upper values in about √n logarithmic bins; empty bins are left out."""
    logs = np.log10(values)
    low, high = float(np.quantile(logs, LEFT_OUT)), float(logs[-1])
    if low >= high:
        low = float(logs[0])
    count = int(np.clip(round(2 * len(values) ** 0.5), *BINS))
    counts, edges = np.histogram(logs[logs >= low], bins=count, range=(low, high))
    bounds = 10.0**edges
    heights = counts / (len(values) * np.diff(bounds))
    filled = counts > 0
    tops = np.log10(heights[filled])
    return Density(
        middles=((bounds[:-1] + bounds[1:]) / 2)[filled].tolist(),
        widths=(bounds[1:] - bounds[:-1])[filled].tolist(),
        heights=heights[filled].tolist(),
        counts=counts[filled].tolist(),
        in_tail=[False] * int(filled.sum()),
        step=(high - low) / count,
        total=len(values),
        x_range=(low - 0.03 * (high - low), high + 0.03 * (high - low)),
        y_range=(float(tops.min()) - 0.3, float(tops.max()) + 0.3),
    )


def _with_tail(bins: Density, values: NDArray[np.float64], start: float, alpha: float) -> Density:
    """Adds p(λ) = share · (α − 1)/xmin · (λ/xmin)^−α, where share of all values lie in the tail."""
    share = float(np.mean(values >= start * (1 - 1e-6)))  # curves are float32, xmin is float64
    top = float(values[-1])
    at_start = share * (alpha - 1) / start
    at_top = at_start * (top / start) ** -alpha
    floor, ceiling = bins.y_range
    x0, x1, y0, y1 = (float(np.log10(max(v, 1e-300))) for v in (start, top, at_start, at_top))
    end = x1 if y1 >= floor or alpha <= 0 else x0 + (y0 - floor) / alpha
    return Density(
        bins.middles, bins.widths, bins.heights, bins.counts,
        in_tail=[middle >= start * 10 ** (-bins.step / 2) for middle in bins.middles],
        step=bins.step, total=bins.total, x_range=bins.x_range, y_range=(floor, max(ceiling, y0 + 0.15)),
        fit=([start, 10**end], [at_start, 10 ** (y0 - alpha * (end - x0))]),
        slope=alpha, tail_from=x0, tail_label=short(start),
    )  # fmt: skip


# ---------- line ----------


@dataclass(frozen=True, slots=True)
class Line:
    x: list[float]
    y: list[float]
    mark: tuple[float, float] | None
    logarithmic: bool
    x_range: tuple[float, float]  # log10 where logarithmic
    y_range: tuple[float, float]


def line(figure: Figure, table: Table, weight: str | None, position: int) -> Line | str:
    """`y` over `x`, with the point (`x0`, `y0`) marked."""
    row = row_of(table, weight, position)
    curves, parts = row.measurement.curves, figure.parts
    if parts["x"] not in curves or len(curves[parts["x"]]) < 2:
        return row.measurement.note or "There is no curve to draw."
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


def depth(figure: Figure, table: Table, weight: str | None, position: int) -> Depth | str:
    """`y` ± `error` by depth, for each role; points whose flag `hollow` is true are drawn hollow."""
    name = figure.parts["y"]
    rows = [row for row in rows_at(table, position) if row.weight.depth is not None and number(row, name) is not None]
    if not rows:
        return "No weight here belongs to a numbered block."
    healthy = table.diagnostic.column(name).healthy
    span = _span([number(row, name) or 0.0 for row in rows], healthy)
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
    )


def _span(values: Sequence[float], healthy: tuple[float, float] | None) -> tuple[float, float]:
    """The drawn range: all values and the healthy range, but no further up than `ceiling`."""
    low, high = min(values), max(values)
    if healthy is not None:
        low, high = min(low, healthy[0]), min(max(high, healthy[1]), ceiling(values, healthy))
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def ceiling(values: Sequence[float], healthy: tuple[float, float]) -> float:
    """Where a scale ends, so that one enormous value does not flatten the rest."""
    return max(healthy[1] + BEYOND * (healthy[1] - healthy[0]), MEDIANS * median(values))


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


def heatmap(figure: Figure, table: Table, weight: str | None, position: int) -> Heatmap | str:
    """`color` by depth and role."""
    name = figure.parts["color"]
    cells: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows_at(table, position):
        if row.weight.depth is not None and number(row, name) is not None:
            cells[row.weight.role, row.weight.depth].append(row)
    if not cells:
        return "No weight here belongs to a numbered block."
    roles = sorted({role for role, _ in cells}, key=order)
    depths = sorted({at for _, at in cells})
    values = [[_median(cells.get((role, at), []), name) for at in depths] for role in roles]
    known = [value for line in values for value in line if value is not None]
    healthy = table.diagnostic.column(name).healthy
    wide = 0.0 if healthy is None else (healthy[1] - healthy[0]) * 0.75
    span = (min(known), max(known)) if healthy is None else (healthy[0] - wide, healthy[1] + wide)
    texts = [["" if value is None else short(value, 2) for value in line] for line in values]
    names = [[cells[role, at][0].weight.name if (role, at) in cells else "" for at in depths] for role in roles]
    return Heatmap(roles, depths, values, texts, names, span)


def _median(rows: Sequence[Row], name: str) -> float | None:
    found = [value for row in rows if (value := number(row, name)) is not None]
    return median(found) if found else None
