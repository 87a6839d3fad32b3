"""A curve against the widths of a family on logarithmic axes, with its slope beside the one that a law predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np

from analysis.diagnostic import Column, Figure, Row, Scalar, Summary, Table
from frontend.figures.labels import spread
from frontend.figures.plotting import Json, axis, note, title_of
from frontend.numbers import minus
from frontend.palette import look, order, role_color, token

STEPS = (1, 2, 5)  # of a decade, as labels of an axis
ROOM = 0.06  # of the span, left free at either end
LABEL_GAP = 0.075  # of the plot's height, between names at line ends
FLAT = 0.0  # the slope where nothing changes with width


@dataclass(frozen=True, slots=True)
class Widths:
    """Points by role, all logarithms to base 10 where they are drawn as lines."""

    points: Mapping[str, list[tuple[float, float, str]]]  # role -> (width, value, weight and checkpoint in words)
    slopes: Mapping[str, float | None]  # fitted; None where there is one width
    reference: float
    scaled: bool  # whether values are divided by what the law divides them by
    ticks: list[float]
    x_range: tuple[float, float]  # logarithms
    y_range: tuple[float, float]
    alone: bool  # whether one role was asked for


def widths(figure: Figure, table: Table, weight: str | None, role: str | None) -> Widths | str:
    """`y` of each weight in each checkpoint of its group, of one role, or of all that lie in blocks.

    Where `slope` is named, values are divided by the checkpoint's `scale`, out of the summary's groups of one
    checkpoint, and checkpoints without one are left out; where fewer than two have one, nothing is divided.
    """
    summary = table.diagnostic.summarise(table)
    members = {group[0]: numbers for group, numbers in summary.groups.items() if len(group) == 1}
    rows = [row for row in table.rows if _is_whole(row, figure.parts["y"], members)]
    block_rows = [row for row in rows if row.weight.depth is not None] or rows
    by_scale = "slope" in figure.parts and sum(_number(m, "scale") is not None for m in members.values()) > 1
    every = _points(block_rows, figure.parts["y"], members, by_scale, table)
    points = every if role is None else _points(rows, figure.parts["y"], members, by_scale, table, role)
    if not points:
        return "No weight of this kind was measured in all models yet."
    ticks = sorted({x for line in points.values() for x, _, _ in line})
    values = [y for line in (*every.values(), *points.values()) for _, y, _ in line]
    return Widths(
        points, {name: _slope(line) for name, line in points.items()}, _reference(figure, summary, by_scale), by_scale,
        ticks, _span(ticks), _span(values), role is not None,
    )  # fmt: skip


def _is_whole(row: Row, curve: str, members: Mapping[int, Mapping[str, Scalar]]) -> bool:
    values = row.measurement.curves.get(curve)
    return values is not None and len(values) == len(row.group) == len(members) and bool((values > 0.0).all())


def _points(
    rows: Sequence[Row],
    curve: str,
    members: Mapping[int, Mapping[str, Scalar]],
    scaled: bool,
    table: Table,
    role: str | None = None,
) -> dict[str, list[tuple[float, float, str]]]:
    points: dict[str, list[tuple[float, float, str]]] = {}
    for row in rows:
        if role not in (None, row.weight.role):
            continue
        for place, value in zip(row.group, row.measurement.curves[curve], strict=True):
            width, scale = _number(members[place], "width"), _number(members[place], "scale") if scaled else 1.0
            if width and scale:
                words = f"{row.weight.label}, {table.name_at(place)}"
                points.setdefault(row.weight.role, []).append((width, float(value) / scale, words))
    return points


def _number(numbers: Mapping[str, Scalar], name: str) -> float | None:
    value = numbers.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _slope(points: Sequence[tuple[float, float, str]]) -> float | None:
    x, y = np.log([point[0] for point in points]), np.log([point[1] for point in points])
    spread = float(np.square(x - x.mean()).sum())
    return float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 1e-12 else None


def _reference(figure: Figure, summary: Summary, scaled: bool) -> float:
    """The slope that the law predicts; of values as they are, the one at which nothing changes."""
    slope = _number(summary.numbers, f"{figure.parts['slope']}.law") if scaled else None
    return FLAT if slope is None else slope


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = log10(min(values)), log10(max(values))
    room = ROOM * (high - low) or 0.15
    return low - room, high + room


# ---------- drawn ----------


def draw_widths(info: Widths, columns: Mapping[str, Column]) -> Json:
    roles = sorted(info.points, key=order)
    data = [*(trace for role in roles for trace in _of_role(info, role)), _law(info)]
    top, right = (6, 8) if info.alone else (12, 104)
    title = f"{title_of(columns.get('y'))} / √(η/λ)" if info.scaled else title_of(columns.get("y"))
    layout: Json = {
        "xaxis": axis("" if info.alone else "d, the width", type="log", range=list(info.x_range), showgrid=False)
        | {"tickvals": info.ticks, "ticktext": [f"{tick:g}" for tick in info.ticks]},
        "yaxis": axis("" if info.alone else title, type="log", range=list(info.y_range)) | _labels(info.y_range),
        "margin": {"l": 40 if info.alone else 56, "r": right, "t": top, "b": 28 if info.alone else 42},
        "annotations": [] if info.alone else _names(info, roles),
        "meta": {"words": _words(info, roles)},
    }
    return {"data": data, "layout": layout}


def _labels(span: tuple[float, float]) -> Json:
    """1, 2 and 5 of each decade in sight; all tenths where fewer than two of them are."""
    decades = range(int(np.floor(span[0])), int(np.ceil(span[1])) + 1)
    for steps in (STEPS, range(1, 10), (x / 10 for x in range(10, 100))):
        ticks = [step * 10.0**k for k in decades for step in steps if span[0] <= log10(step) + k <= span[1]]
        if len(ticks) > 1:
            break
    ticks = ticks[:: -(-len(ticks) // 6)] if len(ticks) > 6 else ticks
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _of_role(info: Widths, role: str) -> list[Json]:
    points, look_ = info.points[role], look(role)
    marks: Json = {
        "type": "scatter", "mode": "markers", "x": [x for x, _, _ in points], "y": [y for _, y, _ in points],
        "marker": {"symbol": look_.marker, "size": 7 if info.alone else 6, "color": role_color(role)},
        "text": [words for _, _, words in points], "hovertemplate": "%{text}<br>d %{x:.0f}: %{y:.3g}<extra></extra>",
        "cliponaxis": False,
    }  # fmt: skip
    slope = info.slopes[role]
    return [marks] if slope is None else [_line(info, points, slope, role_color(role), "solid"), marks]


def _law(info: Widths) -> Json:
    """The law's slope through the middle of all points."""
    points = [point for group in info.points.values() for point in group]
    return _line(info, points, info.reference, token("ink-3"), "dash")


def _line(info: Widths, points: Sequence[tuple[float, float, str]], slope: float, color: str, dash: str) -> Json:
    x, y = (np.log10([point[index] for point in points]).mean() for index in (0, 1))
    ends = info.x_range
    return {
        "type": "scatter", "mode": "lines", "x": [10.0**end for end in ends],
        "y": [10.0 ** float(y + slope * (end - x)) for end in ends], "hoverinfo": "skip",
        "line": {"color": color, "width": 2 if dash == "solid" else 1.5, "dash": dash},
    }  # fmt: skip


def _names(info: Widths, roles: Sequence[str]) -> list[Json]:
    """Each role's name and slope at the end of its line."""
    low, high = info.y_range
    ends = [log10(_line(info, info.points[role], info.slopes[role] or 0.0, "", "")["y"][1]) for role in roles]
    places = spread(ends, (high - low) * LABEL_GAP, low, high)
    return [
        note(info.x_range[1], y, f"{look(role).title} {_format_slope(info.slopes[role])}", xanchor="left", xshift=6)
        | {"font": {"size": 12, "color": role_color(role)}}
        for role, y in zip(roles, places, strict=True)
    ]


def _format_slope(slope: float | None) -> str:
    return "" if slope is None else minus(f"{round(slope, 2) + 0.0:.2f}")


def _words(info: Widths, roles: Sequence[str]) -> str:
    texts = [
        f"{look(role).title} {_format_slope(info.slopes[role])}" for role in roles if info.slopes[role] is not None
    ]
    return f"Slopes: {', '.join(texts)}; the reference has {info.reference:g}." if texts else "One width."
