"""Figures: a declared view of a table becomes Plotly JSON. Nothing here knows a diagnostic by name.

Every kind is prepared first (frontend.figures.data, plain numbers) and drawn second (this file). Titles of axes,
usual ranges and errors come from the columns' own metadata; colours are CSS tokens that the page resolves.
"""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.diagnostic import Column, Figure, FigureKind, Table
from frontend.figures.data import Depth, Heatmap, Line, depth, heatmap, line
from frontend.figures.density import density, draw_density
from frontend.figures.growth import draw_growth, growth
from frontend.figures.labels import spread
from frontend.figures.match import draw_match, match
from frontend.figures.overview import distribution, draw_distribution, draw_flow, draw_scatter, flow, scatter
from frontend.figures.plotting import Json, axis, log_axis, note, title_of, usual_band
from frontend.figures.spectra import draw_ranks, draw_spectra, ranks, spectra
from frontend.figures.trends import draw_series, draw_sweep, series, sweep
from frontend.figures.widths import draw_widths, widths
from frontend.palette import look, order, role_color, token
from frontend.rows import At
from frontend.scale import DIVERGING, SEQUENTIAL

LABEL_GAP = 0.055  # of a plot's height: direct labels at line ends keep this distance


def draw(
    figure: Figure,
    table: Table,
    weight: str | None = None,
    position: At = 0,
    steps: Mapping[int, float] = {},
    role: str | None = None,
) -> Json:
    """{"data": […], "layout": {…}} for Plotly. `position` is the checkpoint's place in the run, or a group of places.

    A figure of one weight needs `weight`, its name; KeyError where the table does not hold it. A series stands over
    `steps`, the training step of each place, where they are known; widths may be of one `role` alone. Where there is
    nothing to draw, data is empty and layout.meta.note says why.
    """
    prepare, render = KINDS[figure.kind]
    columns = {part: column for part, column in _columns(figure, table).items() if column is not None}
    argument = {FigureKind.SERIES: steps, FigureKind.WIDTHS: role}.get(figure.kind, position)
    info = prepare(figure, table, weight, argument)
    if isinstance(info, str):
        return {"data": [], "layout": {"meta": {"note": info}}}
    return render(info, columns)


def _columns(figure: Figure, table: Table) -> dict[str, Column | None]:
    columns = {column.name: column for column in table.diagnostic.columns}
    return {part: columns.get(name) for part, name in figure.parts.items()}


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
        "yaxis": axis("", range=list(info.y_range), nticks=4),
        "margin": {"l": 56, "r": 12, "t": 20, "b": 38},
        "annotations": [
            note(0, 1, title_of(columns.get("y")), xref="paper", yref="paper", xanchor="left", yanchor="bottom")
        ],  # above the axis: such a figure is too low for a title beside it
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
        "xaxis": {
            "title": {"text": "Block"},
            "range": list(info.x_range),
            "showgrid": False,
            **_block_ticks(info.x_range),
        },
        "yaxis": axis(column, range=list(info.y_range), nticks=7),
        "shapes": usual_band(column) if info.judged else [],
        "annotations": [
            *labels,
            *(_band_words(column, info.y_range) if info.judged else []),
            *_labels_beyond(info),
            *(bars if info.dense else []),
        ],
        "margin": {"l": 48, "r": 96, "t": 18 if info.dense else 10, "b": 42},
    }
    return {"data": data, "layout": layout}


def _block_ticks(span: tuple[float, float]) -> Json:
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


def _band_words(column: Column, span: tuple[float, float]) -> list[Json]:
    if column.usual is None or column.usual[1] > span[1]:
        return []
    low, high = column.usual
    words = f"{low:g} to {high:g} {column.usual_in}" if column.usual_in else f"usual, {low:g} to {high:g}"
    place: Json = {"xref": "paper", "xanchor": "left", "yanchor": "top", "bgcolor": token("surface", 75)}
    return [note(0.004, high, words, "good", **place)]


def _labels_beyond(info: Depth) -> list[Json]:
    """The true value beside each point that lies above the drawn range."""
    overflow = [point for points in info.roles.values() for point in points if point.value > point.shown]
    return [note(p.depth, p.shown, f"↑ {p.value:.3g}", yanchor="top", yshift=-6) for p in overflow[:8]]


# ---------- the table: a column as colour, by depth and role ----------


def _draw_heatmap(info: Heatmap, columns: Mapping[str, Column]) -> Json:
    column = columns["color"]
    steps = SEQUENTIAL if column.usual is None else DIVERGING
    wide = len(info.depths) <= 16  # room for a text in each cell
    scale = [[i / (len(steps) - 1), token(step)] for i, step in enumerate(steps)]
    data = {
        "type": "heatmap", "x": info.depths, "y": [look(role).title for role in info.roles], "z": info.values,
        "zmin": info.span[0], "zmax": info.span[1], "colorscale": scale, "xgap": 2, "ygap": 2,
        "text": info.texts, "texttemplate": "%{text}" if wide else "",
        "customdata": info.weights,
        "hovertemplate": f"Block %{{x}}, %{{y}}<br>{column.title} %{{z:.3g}}<extra></extra>",
        "colorbar": {"title": {"text": column.title}, "thickness": 8, "outlinewidth": 0},
    }  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "Block"}, "showgrid": False, **_block_ticks((0, max(info.depths, default=0)))},
        "yaxis": {"autorange": "reversed", "showgrid": False},
        "margin": {"l": 96, "r": 12, "t": 10, "b": 42},
        "annotations": [note(depth, look(role).title, "✕ NaN" if wide else "✕", "bad") for role, depth in info.broken],
    }
    return {"data": [data], "layout": layout}


Prepare = Callable[[Figure, Table, str | None, Any], Any]  # the last: a place, steps or a role
Drawing = Callable[[Any, Mapping[str, Column]], Json]
KINDS: Mapping[FigureKind, tuple[Prepare, Drawing]] = {
    FigureKind.DENSITY: (density, draw_density),
    FigureKind.LINE: (line, _draw_line),
    FigureKind.DEPTH: (depth, _draw_depth),
    FigureKind.HEATMAP: (heatmap, _draw_heatmap),
    FigureKind.SCATTER: (scatter, draw_scatter),
    FigureKind.FLOW: (flow, draw_flow),
    FigureKind.DISTRIBUTION: (distribution, draw_distribution),
    FigureKind.MATCH: (match, draw_match),
    FigureKind.RANKS: (ranks, draw_ranks),
    FigureKind.SPECTRA: (spectra, draw_spectra),
    FigureKind.SWEEP: (sweep, draw_sweep),
    FigureKind.SERIES: (series, draw_series),
    FigureKind.WIDTHS: (widths, draw_widths),
    FigureKind.GROWTH: (growth, draw_growth),
}
