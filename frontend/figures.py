"""Figures: a declared view of a table becomes Plotly JSON. Nothing here knows a diagnostic by name.

Every kind is prepared first (frontend.shapes, plain numbers) and drawn second (this file). Titles of axes,
healthy ranges and errors come from the columns' own metadata; colours are CSS tokens that the page resolves.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor
from typing import Any

from analysis.diagnostic import Column, Figure, FigureKind, Table
from frontend.numbers import SUPERSCRIPTS
from frontend.palette import look, order, role_color, token
from frontend.scale import DIVERGING, SEQUENTIAL
from frontend.shapes import Density, Depth, Heatmap, Line, density, depth, heatmap, line
from frontend.spread import spread

Json = dict[str, Any]
LABEL_GAP = 0.055  # of a plot's height: direct labels at line ends keep this distance
CAPTION = 11  # px, for everything written inside a plot
CONFIDENT = 85  # percent strength of the bars that a fit rests on; the others have PALE
PALE = 38


def draw(figure: Figure, table: Table, weight: str | None = None, position: int = 0) -> Json:
    """{"data": […], "layout": {…}} for Plotly. `position` is the checkpoint's place in the run.

    A figure of one weight needs `weight`, its name; KeyError where the table does not hold it. Where there is nothing
    to draw, data is empty and layout.meta.note says why.
    """
    prepared, drawn = KINDS[figure.kind]
    columns = {part: column for part, column in _columns(figure, table).items() if column is not None}
    info = prepared(figure, table, weight, position)
    if isinstance(info, str):
        return {"data": [], "layout": {"meta": {"note": info}}}
    return drawn(info, columns)


def _columns(figure: Figure, table: Table) -> dict[str, Column | None]:
    declared = {column.name: column for column in table.diagnostic.columns}
    return {part: declared.get(name) for part, name in figure.parts.items()}


def axis(title: Column | str | None, **more: Any) -> Json:
    """An axis with a title: a column's own, with its unit, or these words."""
    if isinstance(title, Column):
        title = title.title + (f" ({title.unit})" if title.unit else "")
    return {"title": {"text": title or ""}, **more}


def note(x: float, y: float, text: str, color: str = "ink-2", **more: Any) -> Json:
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"size": CAPTION, "color": token(color)}, **more}


def rule(x0: float, x1: float, y0: float, y1: float, color: str, width: float = 1, **more: Any) -> Json:
    return {
        "type": "line", "x0": x0, "x1": x1, "y0": y0, "y1": y1,
        "line": {"color": token(color), "width": width}, **more,
    }  # fmt: skip


def log_axis(title: Column | str | None, low: float, high: float, **more: Any) -> Json:
    """A logarithmic axis from low to high, given as log10, with at most six labelled powers of ten.

    The labels are written here, for Plotly's own raise their exponents by a style attribute, which the page forbids.
    """
    step = max(1, ceil((high - low) / 6))
    powers = range(ceil(low / step) * step, floor(high) + 1, step)
    ticks = {"tickvals": [10.0**k for k in powers], "ticktext": [power_of_ten(k) for k in powers]}
    return axis(title, type="log", range=[low, high], **ticks, **more)


def power_of_ten(exponent: int) -> str:
    """A power of ten as a tick's label.

    >>> power_of_ten(-2), power_of_ten(3), power_of_ten(-4)
    ('0.01', '1000', '10⁻⁴')
    """
    return f"{10.0**exponent:g}" if -2 <= exponent <= 3 else f"10{str(exponent).translate(SUPERSCRIPTS)}"


# ---------- one weight: the density of its values with the fitted tail ----------


def _draw_density(info: Density, columns: Mapping[str, Column]) -> Json:
    bars: Json = {
        "type": "bar", "x": info.middles, "y": info.heights, "width": [0.9 * width for width in info.widths],
        "marker": {"color": [token("accent", CONFIDENT if inside else PALE) for inside in info.in_tail]},
        "customdata": info.counts,
        "hovertemplate": "≈ %{x:.3g}<br>%{customdata} of " + str(info.total) + "<extra></extra>",
    }  # fmt: skip
    layout: Json = {
        "bargap": 0,
        "xaxis": log_axis(columns.get("values"), *info.x_range, showgrid=False),
        "yaxis": log_axis("density", *info.y_range),
        "margin": {"l": 56, "r": 12, "t": 22, "b": 42},
    }
    if info.fit is None:
        return {"data": [bars], "layout": layout}
    xs, ys = info.fit
    fit = {
        "type": "scatter", "mode": "lines", "x": xs, "y": ys, "line": {"color": token("role-o"), "width": 2.5},
        "hovertemplate": f"fitted tail, slope −{info.slope:.2f}<extra></extra>",
    }  # fmt: skip
    layout["shapes"] = [rule(xs[0], xs[0], 0, 1, "role-o", yref="paper") | {"line": _dotted("role-o")}]
    layout["annotations"] = _density_notes(info)
    return {"data": [bars, fit], "layout": layout}


def _dotted(color: str) -> Json:
    return {"color": token(color), "width": 1, "dash": "dot"}


def _density_notes(info: Density) -> list[Json]:
    """Where the tail starts and how steep it is, written above that place, towards the wider side."""
    low, high = info.x_range
    late = info.tail_from > (low + high) / 2
    words = f"tail from {info.tail_label}, slope −{info.slope:.2f}"
    side: Json = {"yref": "paper", "xanchor": "right" if late else "left", "yanchor": "bottom"}
    return [note(info.tail_from, 1, words, "role-o", **side)]


# ---------- one weight: a curve over another, with one point marked ----------


def _draw_line(info: Line, columns: Mapping[str, Column]) -> Json:
    curve: Json = {
        "type": "scatter", "mode": "lines", "x": info.x, "y": info.y, "line": {"color": token("accent"), "width": 1.5},
        "hovertemplate": "%{x:.3g}: %{y:.3g}<extra></extra>",
    }  # fmt: skip
    layout: Json = {
        "xaxis": log_axis(columns.get("x"), *info.x_range, showgrid=False)
        if info.logarithmic
        else axis(columns.get("x"), range=list(info.x_range), showgrid=False),
        "yaxis": axis(columns.get("y"), range=list(info.y_range), nticks=4),
        "margin": {"l": 56, "r": 12, "t": 8, "b": 38},
    }
    if info.mark is None:
        return {"data": [curve], "layout": layout}
    mark = {
        "type": "scatter", "mode": "markers", "x": [info.mark[0]], "y": [info.mark[1]],
        "marker": {"color": token("role-o"), "size": 8}, "hovertemplate": "chosen: %{x:.3g}<extra></extra>",
    }  # fmt: skip
    return {"data": [curve, mark], "layout": layout}


# ---------- the table: a column by depth, a line for each role ----------


def _draw_depth(info: Depth, columns: Mapping[str, Column]) -> Json:
    column = columns["y"]
    roles = sorted(info.roles, key=order)
    corner: Json = {"xref": "paper", "yref": "paper", "xanchor": "right", "yanchor": "bottom"}
    bars = [note(1, 1, "many points: errors on hover only", **corner)]
    data = [trace for role in roles for trace in _depth_traces(info, role, column)]
    low, high = info.y_range
    ends = [info.ends[role] for role in roles]
    places = spread(ends, (high - low) * LABEL_GAP, low, high)
    last = info.x_range[1]
    labels = [
        note(last, y, look(role).title, xanchor="left", xshift=6) | {"font": {"size": 12, "color": role_color(role)}}
        for role, y in zip(roles, places, strict=True)
    ]
    layout = {
        "xaxis": {"title": {"text": "Block"}, "range": list(info.x_range), "showgrid": False, **_whole(info.x_range)},
        "yaxis": axis(column, range=list(info.y_range), nticks=7),
        "shapes": healthy_band(column),
        "annotations": [*labels, *_band_words(column, info.y_range), *_beyond(info), *(bars if info.dense else [])],
        "margin": {"l": 48, "r": 96, "t": 18 if info.dense else 10, "b": 42},
    }
    return {"data": data, "layout": layout}


def _whole(span: tuple[float, float]) -> Json:
    """Ticks at whole blocks, twelve at most."""
    return {"tick0": 0, "dtick": max(1, -(-int(span[1] - span[0]) // 12))}


def _depth_traces(info: Depth, role: str, column: Column) -> list[Json]:
    points, look_ = info.roles[role], look(role)
    middle = {
        "type": "scatter", "mode": "lines", "x": info.middle[role][0], "y": info.middle[role][1], "hoverinfo": "skip",
        "line": {"color": role_color(role), "width": 1.25 if info.dense else 1.75},
    }  # fmt: skip
    dots: Json = {
        "type": "scatter", "mode": "markers", "x": [p.depth for p in points], "y": [p.shown for p in points],
        "customdata": [[p.weight, p.text] for p in points],
        "marker": {
            "symbol": [look_.marker + ("-open" if p.weak else "") for p in points],
            "size": 4 if info.dense else 8,
            "color": role_color(role), "line": {"width": 1.5, "color": role_color(role)},
        },
        "hovertemplate": f"Block %{{x}}, {look_.title}<br>{column.title} %{{customdata[1]}}<extra></extra>",
    }  # fmt: skip
    errors = [p.error for p in points]
    if any(error is not None for error in errors) and not info.dense:
        dots["error_y"] = {
            "type": "data", "array": errors, "color": role_color(role, 35), "thickness": 1, "width": 0,
        }  # fmt: skip
    return [middle, dots]


def healthy_band(column: Column) -> list[Json]:
    """The healthy range as a pale band with its two ends drawn."""
    if column.healthy is None:
        return []
    low, high = column.healthy
    across: Json = {"xref": "paper", "layer": "below"}
    band = {"type": "rect", "x0": 0, "x1": 1, "y0": low, "y1": high, "fillcolor": token("good", 9), **across}
    return [band | {"line": {"width": 0}}, *(rule(0, 1, end, end, "good", **across) for end in (low, high))]


def _band_words(column: Column, span: tuple[float, float]) -> list[Json]:
    if column.healthy is None or column.healthy[1] > span[1]:
        return []
    low, high = column.healthy
    words = f"healthy, {low:g} to {high:g}"
    place: Json = {"xref": "paper", "xanchor": "left", "yanchor": "top", "bgcolor": token("surface", 75)}
    return [note(0.004, high, words, "good", **place)]


def _beyond(info: Depth) -> list[Json]:
    """The true value beside each point that lies above the drawn range."""
    beyond = [point for points in info.roles.values() for point in points if point.value > point.shown]
    return [note(p.depth, p.shown, f"↑ {p.value:.3g}", yanchor="top", yshift=-6) for p in beyond[:8]]


# ---------- the table: a column as colour, by depth and role ----------


def _draw_heatmap(info: Heatmap, columns: Mapping[str, Column]) -> Json:
    column = columns["color"]
    steps = SEQUENTIAL if column.healthy is None else DIVERGING
    scale = [[i / (len(steps) - 1), token(step)] for i, step in enumerate(steps)]
    data = {
        "type": "heatmap", "x": info.depths, "y": [look(role).title for role in info.roles], "z": info.values,
        "zmin": info.span[0], "zmax": info.span[1], "colorscale": scale, "xgap": 2, "ygap": 2,
        "text": info.texts, "texttemplate": "%{text}" if len(info.depths) <= 16 else "",
        "customdata": info.weights,
        "hovertemplate": f"Block %{{x}}, %{{y}}<br>{column.title} %{{z:.3g}}<extra></extra>",
        "colorbar": {"title": {"text": column.title}, "thickness": 8, "outlinewidth": 0},
    }  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "Block"}, "showgrid": False, **_whole((0, max(info.depths, default=0)))},
        "yaxis": {"autorange": "reversed", "showgrid": False},
        "margin": {"l": 96, "r": 12, "t": 10, "b": 42},
    }
    return {"data": [data], "layout": layout}


Prepare = Callable[[Figure, Table, str | None, int], Any]
Drawing = Callable[[Any, Mapping[str, Column]], Json]
KINDS: Mapping[FigureKind, tuple[Prepare, Drawing]] = {
    FigureKind.DENSITY: (density, _draw_density),
    FigureKind.LINE: (line, _draw_line),
    FigureKind.DEPTH: (depth, _draw_depth),
    FigureKind.HEATMAP: (heatmap, _draw_heatmap),
}


def drawable(figures: Sequence[Figure], per_weight: bool) -> list[Figure]:
    """The figures of one weight, or those of the whole table."""
    return [figure for figure in figures if figure.per_weight is per_weight]
