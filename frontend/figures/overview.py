"""The table as marks by role: a column against another, along all layers in their order, and spread over a line.

As in frontend.figures.data and frontend.figures.draw, each kind is prepared first and drawn second.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from statistics import median
from typing import Any

from analysis.diagnostic import Column, Figure, Row, Table
from frontend.figures.data import CROWD, drawn_range
from frontend.figures.plotting import Json, axis, log_axis, note, rule, usual_band
from frontend.numbers import short
from frontend.palette import look, order, role_color, token
from frontend.rows import At, number, rows_at, values_on_one_scale
from frontend.scale import WIDE

MOST_TICKS = 12
PARTS = 48  # of a distribution's axis: marks in the same part stand above each other
STACK = 0.2  # between marks above each other, of the distance between roles
ROOM = 0.42  # the tallest stack above its role's line


@dataclass(frozen=True, slots=True)
class Mark:
    """One weight in a figure of the table."""

    x: float
    y: float
    weight: str
    text: str  # for the hover: label and values
    error: float | None = None
    weak: bool = False


Marks = dict[str, list[Mark]]  # by role, in the order of roles


def _by_role(found: Sequence[tuple[Row, Mark]]) -> Marks:
    marks: Marks = defaultdict(list)
    for row, mark in found:
        marks[row.weight.role].append(mark)
    return {role: marks[role] for role in sorted(marks, key=order)}


def _traces(marks: Marks, size: int) -> list[Json]:
    return [_trace(role, points, size) for role, points in marks.items()]


def _trace(role: str, marks: Sequence[Mark], size: int) -> Json:
    errors = [mark.error for mark in marks]
    bars: Json = {"type": "data", "array": errors, "color": role_color(role, 35), "thickness": 1, "width": 0}
    error_bars = {"error_x": bars} if any(error is not None for error in errors) else {}
    return {
        "type": "scatter", "mode": "markers", "x": [mark.x for mark in marks], "y": [mark.y for mark in marks],
        "customdata": [[mark.weight, mark.text] for mark in marks],
        "marker": {
            "symbol": [look(role).marker + ("-open" if mark.weak else "") for mark in marks],
            "size": size, "color": role_color(role), "line": {"width": 1, "color": role_color(role)},
        },
        "hovertemplate": "%{customdata[1]}<extra></extra>", **error_bars,
    }  # fmt: skip


def _weak(row: Row, figure: Figure) -> bool:
    return bool(row.value(figure.parts.get("hollow", "")))


# ---------- a column against another ----------


@dataclass(frozen=True, slots=True)
class Scatter:
    marks: Marks
    span: tuple[float, float]  # of both axes
    dense: bool


def scatter(figure: Figure, table: Table, weight: str | None, position: At) -> Scatter | str:
    """`y` over `x`, with `error` along x."""
    parts, points = figure.parts, []
    titles = [table.diagnostic.column(parts[part]).title for part in "xy"]
    for row in rows_at(table, position):
        x, y, error = (number(row, parts.get(part)) for part in ("x", "y", "error"))
        if x is not None and y is not None:
            spread = "" if error is None else f" ± {short(error)}"
            text = f"{row.weight.label}<br>{titles[0]} {short(x)}{spread}<br>{titles[1]} {short(y)}"
            points.append((row, Mark(x, y, row.weight.name, text, error, _weak(row, figure))))
    if not points:
        return "No weight has both values."
    values = [value for _, mark in points for value in (mark.x, mark.y)]
    return Scatter(_by_role(points), drawn_range(values, None), len(points) > CROWD)


def draw_scatter(info: Scatter, columns: Mapping[str, Column]) -> Json:
    low, high = info.span
    equal = rule(low, high, low, high, "ink-3", layer="below")
    equal["line"]["dash"] = "dash"
    layout = {
        "xaxis": axis(columns["x"], range=[low, high]),
        "yaxis": axis(columns["y"], range=[low, high]),
        "shapes": [equal],
        "annotations": [note(high, high, "equal", "ink-3", xanchor="right", yanchor="top", xshift=-24)],
        "margin": {"l": 52, "r": 12, "t": 10, "b": 42},
    }
    return {"data": _traces(info.marks, 5 if info.dense else 8), "layout": layout}


# ---------- along all layers in their order ----------


@dataclass(frozen=True, slots=True)
class Flow:
    line: tuple[list[int], list[float]]
    marks: Marks
    ticks: list[tuple[int, str]]
    dense: bool
    logarithmic: bool
    y_range: tuple[float, float]  # log10 where logarithmic


def flow(figure: Figure, table: Table, weight: str | None, position: At) -> Flow | str:
    """`y` over the weights in the order of the table."""
    data = _drawn_values(table, figure.parts["y"], position)
    if data is None:
        return "No weight has this value."
    rows, values, column, y_values = data.rows, data.values, data.column, data.shown
    points = [
        (row, Mark(i, y, row.weight.name, f"{row.weight.label}<br>{column.title} {short(value)}", None,
                   _weak(row, figure)))
        for i, (row, y, value) in enumerate(zip(rows, y_values, values, strict=True))
    ]  # fmt: skip
    return Flow(
        (list(range(len(rows))), y_values),
        _by_role(points),
        _blocks(rows),
        len(rows) > CROWD,
        data.logarithmic,
        data.span,
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A column's values, and the range that its axis shows: log10 where logarithmic."""

    rows: list[Row]
    values: list[float]
    column: Column
    logarithmic: bool
    span: tuple[float, float]

    @property
    def shown(self) -> list[float]:
        """The values, at most as large as a linear axis shows."""
        return self.values if self.logarithmic else [min(value, self.span[1]) for value in self.values]


def _drawn_values(table: Table, name: str, position: At) -> Drawn | None:
    """The values of a column that are drawn; None where no row has one."""
    rows = [row for row in rows_at(table, position) if number(row, name) is not None]
    if not rows:
        return None
    column = table.diagnostic.column(name)
    all_values = values_on_one_scale(table, name, position)
    logarithmic = _wide(all_values, column)
    span = drawn_range([log10(value) for value in all_values] if logarithmic else all_values, column.usual)
    return Drawn(rows, [number(row, name) or 0.0 for row in rows], column, logarithmic, span)


def _wide(values: Sequence[float], column: Column) -> bool:
    """Whether the values span so much that a logarithmic axis shows more of them."""
    return column.usual is None and min(values) > 0 and max(values) / min(values) > WIDE


def _blocks(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Where each block begins, at most twelve of them named."""
    starts: dict[int, int] = {}
    for i, row in enumerate(rows):
        if row.weight.depth is not None:
            starts.setdefault(row.weight.depth, i)
    step = -(-len(starts) // MOST_TICKS) or 1
    return [(start, str(depth)) for depth, start in list(starts.items())[::step]]


def draw_flow(info: Flow, columns: Mapping[str, Column]) -> Json:
    column, width = columns["y"], 1.0 if info.dense else 1.5
    line: Json = {
        "type": "scatter", "mode": "lines", "x": info.line[0], "y": info.line[1], "hoverinfo": "skip",
        "line": {"color": token("line-2"), "width": width},
    }  # fmt: skip
    pad = max(0.5, 0.02 * len(info.line[0]))
    ticks = {"tickvals": [start for start, _ in info.ticks], "ticktext": [text for _, text in info.ticks]}
    layout = {
        "xaxis": axis("layers in their order; block", range=[-pad, len(info.line[0]) - 1 + pad], **ticks),
        "yaxis": log_axis(column, *info.y_range)
        if info.logarithmic
        else axis(column, range=list(info.y_range), nticks=7),
        "shapes": usual_band(column),
        "margin": {"l": 48, "r": 12, "t": 10, "b": 42},
    }
    return {"data": [line, *_traces(info.marks, 5 if info.dense else 8)], "layout": layout}


# ---------- spread over a line, role by role ----------


@dataclass(frozen=True, slots=True)
class Distribution:
    marks: Marks
    medians: dict[str, float]
    logarithmic: bool
    dense: bool
    x_range: tuple[float, float]  # log10 where logarithmic


def distribution(figure: Figure, table: Table, weight: str | None, position: At) -> Distribution | str:
    """`x` of every weight, in a row for each role; by logarithm where it spans much."""
    data = _drawn_values(table, figure.parts["x"], position)
    if data is None:
        return "No weight has this value."
    rows, column, x_values = data.rows, data.column, data.shown
    places = [log10(value) for value in data.values] if data.logarithmic else data.values
    points = [
        (row, Mark(x, place, row.weight.name, f"{row.weight.label}<br>{column.title} {short(value)}"))
        for row, x, value, place in zip(rows, x_values, data.values, places, strict=True)
    ]
    marks = {role: _stack(i, group, data.span) for i, (role, group) in enumerate(_by_role(points).items())}
    by_role: dict[str, list[float]] = defaultdict(list)
    for row, value in zip(rows, x_values, strict=True):
        by_role[row.weight.role].append(value)
    medians = {role: median(by_role[role]) for role in marks}
    return Distribution(marks, medians, data.logarithmic, len(rows) > CROWD, data.span)


def _stack(line: int, marks: Sequence[Mark], span: tuple[float, float]) -> list[Mark]:
    """The marks of one role on its line, near ones stacked. Their y is their place on the axis."""
    width = (span[1] - span[0]) / PARTS
    parts = [int((mark.y - span[0]) / width) for mark in marks]
    gap = min(STACK, ROOM / max(Counter(parts).values()))
    counts: Counter[int] = Counter()
    result = []
    for part, mark in zip(parts, marks, strict=True):
        result.append(Mark(mark.x, line - gap * counts[part], mark.weight, mark.text))  # the axis runs downwards
        counts[part] += 1
    return result


def draw_distribution(info: Distribution, columns: Mapping[str, Column]) -> Json:
    column, roles = columns["x"], list(info.marks)
    titles: dict[str, Any] = {"tickvals": list(range(len(roles))), "ticktext": [look(role).title for role in roles]}
    middles = [
        rule(info.medians[role], info.medians[role], i - ROOM, i + 0.2, "ink-3", 1.5) for i, role in enumerate(roles)
    ]
    low, high = info.x_range
    layout = {
        "xaxis": log_axis(column, low, high)
        if info.logarithmic
        else axis(column, range=[low, high], nticks=7, tickangle=0),
        "yaxis": axis("", range=[len(roles) - 0.5, -0.6], showgrid=False, ticks="", **titles),
        "shapes": [*usual_band(column, "x"), *middles],
        "margin": {"l": 96, "r": 12, "t": 10, "b": 42},
    }
    return {"data": _traces(info.marks, 4 if info.dense else 6), "layout": layout}
