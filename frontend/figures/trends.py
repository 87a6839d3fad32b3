"""The whole comparison as a line: intruders over the threshold, and a number over the checkpoints of a series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from analysis.diagnostic import Column, Figure, Table
from frontend.compared import Compared, groups_in, labels, of_group
from frontend.figures.data import drawn_range
from frontend.figures.labels import spread
from frontend.figures.plotting import Json, axis, note, plain, rule
from frontend.numbers import short
from frontend.palette import token
from frontend.rows import At, number

GAP = 0.08  # between labels at line ends, of the plot's height
ROW = 18  # letters of a checkpoint's name beside its row


# ---------- a curve, summed over the weights ----------


@dataclass(frozen=True, slots=True)
class Swept:
    look: Compared
    x: list[float]
    y: list[float]


@dataclass(frozen=True, slots=True)
class Sweep:
    lines: list[Swept]
    mark: float | None
    top: float
    words: str


def sweep(figure: Figure, table: Table, weight: str | None, position: At) -> Sweep | str:
    """`y` over `x`, summed over the weights of each group; `x0` marks where the run stands."""
    lines = [line for group in groups_in(table) if (line := _sum_sweep(figure, table, group))]
    if not lines:
        return "No weight has this curve yet."
    marks = [value for row in table.rows if (value := number(row, figure.parts.get("x0"))) is not None]
    words = "; ".join(f"{line.look.name}: {line.y[0]:,.4g} to {line.y[-1]:,.4g}" for line in lines)
    return Sweep(lines, marks[0] if marks else None, max(max(line.y) for line in lines), words + ".")


def _sum_sweep(figure: Figure, table: Table, group: tuple[int, ...]) -> Swept | None:
    x, y = figure.parts["x"], figure.parts["y"]
    curves = [row.measurement.curves for row in table.rows if row.group == group]
    pairs = [(np.asarray(c[x], float), np.asarray(c[y], float)) for c in curves if len(c.get(x, ())) and y in c]
    if not pairs:
        return None
    total = np.sum([ys for xs, ys in pairs if len(ys) == len(pairs[0][1])], axis=0)
    return Swept(of_group(table, group), pairs[0][0].round(4).tolist(), total.tolist())


def draw_sweep(info: Sweep, columns: Mapping[str, Column]) -> Json:
    top = 1.1 * info.top or 1.0
    places = spread([line.y[-1] for line in info.lines], top * GAP, 0, top)
    ends = zip(info.lines, labels([line.look for line in info.lines]), places, strict=True)
    xs = info.lines[0].x
    layout: Json = {
        "xaxis": axis(columns.get("x"), range=[xs[0], xs[-1]], showgrid=False, nticks=7),
        "yaxis": axis(columns.get("y"), range=[-0.02 * top, top], nticks=5),
        "margin": {"l": 52, "r": 114, "t": 18, "b": 40},
        "shapes": [] if info.mark is None else [vertical_line(info.mark)],
        "annotations": [
            *([] if info.mark is None else [_mark(info.mark, columns.get("x"))]),
            *(_end(line.look, name, xs[-1], place) for line, name, place in ends),
        ],
        "meta": {"words": info.words},
    }
    return {"data": [_line(line) for line in info.lines], "layout": layout}


def vertical_line(x: float) -> Json:
    return rule(x, x, 0, 1, "ink-3", yref="paper") | {"line": {"color": token("ink-3"), "width": 1, "dash": "dot"}}


def _mark(x: float, column: Column | None) -> Json:
    words = f"{column.title if column else ''} {x:.2f}".strip()
    return note(x, 1, words, yref="paper", xanchor="center", yanchor="bottom")


def _end(look: Compared, name: str, x: float, y: float) -> Json:
    font = {"font": {"size": 11, "color": token(look.color)}}
    return note(x, y, plain(name), xanchor="left", xshift=6) | font


def _line(line: Swept) -> Json:
    look = line.look
    return {
        "type": "scatter", "mode": "lines", "x": line.x, "y": line.y, "meta": {"member": look.position},
        "name": plain(look.name), "line": {"color": token(look.color), "width": 2, "dash": look.dash},
        "hovertemplate": f"{plain(look.name)}<br>%{{x:.2f}}: %{{y:.4g}}<extra></extra>",
    }  # fmt: skip


# ---------- a number over the checkpoints ----------


@dataclass(frozen=True, slots=True)
class Step:
    look: Compared
    x: float
    y: float
    words: str  # the x in words: "step 400", or its name


@dataclass(frozen=True, slots=True)
class Series:
    steps: list[Step]
    stepped: bool  # whether x is the step of training
    y_range: tuple[float, float]
    words: str


def series(figure: Figure, table: Table, weight: str | None, steps: Mapping[int, float]) -> Series | str:
    """`y` of each tuned checkpoint: a count summed over the weights, else the median.

    `steps` knows the training step of each place of the run, where all of them have one; the order counts otherwise.
    """
    column = table.diagnostic.column(figure.parts["y"])
    pairs = [(group, value) for group in groups_in(table) if (value := _whole_value(table, group, column)) is not None]
    if not pairs:
        return "No weight has this value yet."
    has_steps = all(group[-1] in steps for group, _ in pairs) and len({steps[g[-1]] for g, _ in pairs}) > 1
    points = [_step(table, group, value, steps if has_steps else None) for group, value in pairs]
    points.sort(key=lambda point: point.x)
    low, high = drawn_range([0.0, *(value for _, value in pairs)], None)
    span = (low if min(value for _, value in pairs) < 0 else 0.0, high)
    words = "; ".join(f"{point.words}: {point.y:,.4g}" for point in points)
    return Series(points, has_steps, span, words + ".")


def _whole_value(table: Table, group: tuple[int, ...], column: Column) -> float | None:
    rows = (row for row in table.rows if row.group == group)
    values = [value for row in rows if (value := number(row, column.name)) is not None]
    if not values:
        return None
    return float(sum(values)) if column.kind == "integer" else float(median(values))


def _step(table: Table, group: Sequence[int], value: float, steps: Mapping[int, float] | None) -> Step:
    look, place = of_group(table, group), group[-1]
    x = float(place) if steps is None else float(steps[place])
    return Step(look, x, value, look.name if steps is None else f"{look.name}, step {short(int(x))}")


def draw_series(info: Series, columns: Mapping[str, Column]) -> Json:
    """Joined by a line over the steps of one training; else a row for each checkpoint, by its name."""
    column = columns["y"]
    title = f"{column.title}, {'in all matrices' if column.kind == 'integer' else 'median'}"
    layout = _over_steps(info, title) if info.stepped else _in_rows(info, title)
    lines = [_joined(info)] if info.stepped else []
    points = [_point(point, column, info.stepped) for point in info.steps]
    return {"data": [*lines, *points], "layout": {**layout, "meta": {"words": info.words}}}


def _over_steps(info: Series, title: str) -> Json:
    xs = [point.x for point in info.steps]
    pad = 0.06 * (xs[-1] - xs[0]) or 0.5
    return {
        "xaxis": axis("training step", range=[xs[0] - pad, xs[-1] + pad], showgrid=False, nticks=6),
        "yaxis": axis(title, range=list(info.y_range), nticks=5),
        "margin": {"l": 52, "r": 16, "t": 14, "b": 42},
    }


def _in_rows(info: Series, title: str) -> Json:
    places, (low, high) = [point.x for point in info.steps], info.y_range
    names = {
        "tickvals": places, "ticktext": [plain(name) for name in labels([point.look for point in info.steps], ROW)],
        "ticks": "", "tickfont": {"size": 11},
    }  # fmt: skip
    return {
        "xaxis": axis(title, range=[low - 0.04 * (high - low), high], nticks=5),
        "yaxis": axis("", range=[max(places) + 0.5, min(places) - 0.5], **names),
        "margin": {"l": 16, "r": 16, "t": 14, "b": 42},
    }


def _joined(info: Series) -> Json:
    return {
        "type": "scatter", "mode": "lines", "x": [p.x for p in info.steps], "y": [p.y for p in info.steps],
        "hoverinfo": "skip", "line": {"color": token("line-2"), "width": 1.5},
    }  # fmt: skip


def _point(point: Step, column: Column, upright: bool) -> Json:
    look, along = point.look, "y" if upright else "x"
    x, y = (point.x, point.y) if upright else (point.y, point.x)
    return {
        "type": "scatter", "mode": "markers", "x": [x], "y": [y], "meta": {"member": look.position},
        "name": plain(look.name), "marker": {"color": token(look.color), "symbol": look.marker, "size": 9},
        "cliponaxis": False,
        "hovertemplate": f"{plain(point.words)}<br>{column.title} %{{{along}:.4g}}<extra></extra>",
    }  # fmt: skip
