"""One weight in every checkpoint of a comparison: what its updates are made of, and its spectrum before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import NDArray

from analysis.diagnostic import Column, Figure, Row, Table
from frontend.compared import Compared, labels, of_group, style_of
from frontend.figures.labels import spread
from frontend.figures.plotting import Json, log_axis, note, plain, title_of
from frontend.numbers import plural, short
from frontend.palette import token
from frontend.rows import At

Values = NDArray[np.float64]
MOST_POINTS = 160  # of a line: beyond, evenly spaced ones by logarithm
DEPTHS = 6.0  # decades below the largest value: what lies deeper is rounding
BINS = (12, 48)
LEFT_OUT = 0.03  # share of the smallest values that a picture leaves out: a long thin end
GAP = 0.06  # between labels at line ends, of the plot's height


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The line of one checkpoint."""

    look: Compared
    x: list[float]
    y: list[float | None]


@dataclass(frozen=True, slots=True)
class Spectra:
    lines: list[Spectrum]  # the base's first, where it is there
    x_range: tuple[float, float]  # log10
    y_range: tuple[float, float]  # log10
    words: str


def _values(row: Row, name: str | None) -> Values:
    """A curve's positive values, the largest first, without those that are rounding beside it."""
    curve = row.measurement.curves.get(name or "")
    values = np.sort(np.zeros(0) if curve is None else np.asarray(curve, dtype=np.float64))[::-1]
    return values[values > values[0] * 10**-DEPTHS] if len(values) and values[0] > 0 else values[:0]


def _find_spectra(figure: Figure, table: Table, weight: str | None, part: str) -> list[tuple[Compared, Values]] | str:
    """Each checkpoint with its values, the base first; or why there are none. KeyError where no row has the weight."""
    rows = [row for row in table.rows if row.weight.name == weight]
    if not rows:
        raise KeyError(weight)
    tuned = [(of_group(table, row.group), _values(row, figure.parts[part])) for row in rows]
    base = next((values for row in rows if len(values := _values(row, figure.parts.get("base")))), None)
    pairs = [(style_of(table.name_at(0), 0), base)] if base is not None else []
    pairs += [(look, values) for look, values in tuned if len(values)]
    notes = (row.reason for row in rows if row.reason)
    return pairs if any(len(values) for _, values in tuned) else next(notes, "There are no values to draw.")


# ---------- singular values by rank ----------


def ranks(figure: Figure, table: Table, weight: str | None, position: At) -> Spectra | str:
    """`y` over its index, one line per checkpoint [and `base`], both on logarithmic scales."""
    pairs = _find_spectra(figure, table, weight, "y")
    if isinstance(pairs, str):
        return pairs
    lines = [Spectrum(look, *_thin(values)) for look, values in pairs]
    longest = max(len(values) for _, values in pairs)
    low, high = min(_picture_end(v) for _, v in pairs), max(float(v[0]) for _, v in pairs)
    words = "; ".join(
        f"{look.name}: {plural(len(v), 'direction')}, the strongest {short(float(v[0]))}" for look, v in pairs
    )
    return Spectra(lines, (-0.04, log10(max(longest, 8)) + 0.04), _pad(log10(low), log10(high)), words + ".")


def _picture_end(values: Values) -> float:
    """Where a picture of descending values ends."""
    return float(values[int((1 - LEFT_OUT) * (len(values) - 1))])


def _thin(values: Values) -> tuple[list[float], list[float | None]]:
    places = np.arange(1, len(values) + 1)
    if len(values) > MOST_POINTS:
        places = np.unique(np.geomspace(1, len(values), MOST_POINTS).round().astype(int))
    return places.astype(float).tolist(), values[places - 1].tolist()


def _pad(low: float, high: float) -> tuple[float, float]:
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def draw_ranks(info: Spectra, columns: Mapping[str, Column]) -> Json:
    layout: Json = {
        "xaxis": log_axis("rank of the direction", *info.x_range, showgrid=False) | _rank_ticks(info.x_range[1]),
        "yaxis": log_axis(title_of(columns.get("y")) or "singular value", *info.y_range),
        "margin": {"l": 56, "r": 104, "t": 10, "b": 40},
        "annotations": _ends(info),
        "meta": {"words": info.words},
    }
    return {"data": [_rank_marks(line) for line in info.lines], "layout": layout}


def _rank_ticks(high: float) -> Json:
    """Ticks at whole ranks: 1, 3, 10, 30, …; more of them where there are few ranks."""
    steps = (1, 2, 4) if high < 1.5 else (1, 3)
    ticks = [step * 10**decade for decade in range(int(high) + 1) for step in steps if step * 10**decade <= 10**high]
    return {"tickvals": ticks, "ticktext": [str(tick) for tick in ticks]}


def _rank_marks(line: Spectrum) -> Json:
    """Marks only where they can be told apart: on the short lines of low ranks."""
    look, is_short = line.look, len(line.x) <= 24
    width = 1.5 if look.position == 0 else 1.75
    return {
        "type": "scatter", "mode": "lines+markers" if is_short else "lines", "x": line.x, "y": line.y,
        "name": plain(look.name), "meta": {"member": look.position},
        "line": {"color": token(look.color), "width": width, "dash": look.dash},
        "marker": {"size": 6, "symbol": look.marker, "color": token(look.color)},
        "hovertemplate": f"{plain(look.name)}<br>rank %{{x}}: %{{y:.3g}}<extra></extra>",
    }  # fmt: skip


def _ends(info: Spectra) -> list[Json]:
    """Every line's name right of the plot, as near its end as the others let it; short lines are led to theirs."""
    low, high = info.y_range
    places = spread([_end(line, low) for line in info.lines], (high - low) * GAP, low, high)
    names = labels([line.look for line in info.lines])
    ends = zip(info.lines, names, places, strict=True)
    return [_label(line, plain(name), place, info.x_range[1]) for line, name, place in ends]


def _end(line: Spectrum, low: float) -> float:
    return max(low, log10(line.y[-1] or 1.0))


def _label(line: Spectrum, name: str, place: float, right: float) -> Json:
    """A name at the right edge. Where the line ends before it, a thin rule leads there."""
    look, last, end = line.look, log10(line.x[-1]), log10(line.y[-1] or 1.0)
    place_: Json = {"xanchor": "left", "yanchor": "middle", "font": {"size": 11, "color": token(look.color)}}
    if right - last < 0.1:
        return note(right, place, name, **place_) | {"xshift": 4}
    arrow = {
        "showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": token(look.color, 45), "axref": "x",
        "ayref": "y", "ax": right, "ay": place, "standoff": 6,
    }  # fmt: skip
    return note(last, end, name, **place_) | arrow


# ---------- densities of the logarithms ----------


def spectra(figure: Figure, table: Table, weight: str | None, position: At) -> Spectra | str:
    """The density of log₁₀ λ, λ = σ² with σ in `values`, one line per checkpoint [and `base`], over the same bins."""
    pairs = _find_spectra(figure, table, weight, "values")
    if isinstance(pairs, str):
        return pairs
    logs = [(look, 2 * np.log10(values)) for look, values in pairs]
    low, high = min(_picture_end(v) for _, v in logs), max(float(v.max()) for _, v in logs)
    edges = _edges(low, high, max(len(v) for _, v in logs))
    lines = [Spectrum(look, *_steps(values, edges)) for look, values in logs]
    tops = [log10(y) for line in lines for y in line.y if y]
    words = "; ".join(f"{look.name}: largest eigenvalue {short(10.0 ** float(v.max()))}" for look, v in logs)
    return Spectra(lines, _pad(float(edges[0]), float(edges[-1])), _pad(min(tops), max(tops)), words + ".")


def _edges(low: float, high: float, count: int) -> Values:
    """About √n bins of equal width over all values; one of half a decade each side where all values are equal."""
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, int(np.clip(round(2 * count**0.5), *BINS)) + 1)


def _steps(logs: Values, edges: Values) -> tuple[list[float], list[float | None]]:
    """A density as steps: one value per bin at its middle, none where the bin is empty."""
    counts, _ = np.histogram(logs, edges)
    heights = counts / (len(logs) * np.diff(edges))
    middles = 10.0 ** ((edges[:-1] + edges[1:]) / 2)
    return middles.tolist(), [float(height) if height > 0 else None for height in heights]


def draw_spectra(info: Spectra, columns: Mapping[str, Column]) -> Json:
    layout: Json = {
        "bargap": 0,
        "xaxis": log_axis("eigenvalue λ = σ²", *info.x_range, showgrid=False),
        "yaxis": log_axis("density of log λ", *info.y_range),
        "margin": {"l": 56, "r": 12, "t": 10, "b": 42},
        "meta": {"words": info.words},
    }
    return {
        "data": [_bars(line) if line.look.position == 0 else _step_line(line) for line in info.lines],
        "layout": layout,
    }


def _bars(line: Spectrum) -> Json:
    """The base, as the ground that the others stand on."""
    edges = np.sqrt(np.asarray(line.x[:-1]) * np.asarray(line.x[1:]))
    step = line.x[1] / line.x[0]
    widths = np.diff([edges[0] / step, *edges, edges[-1] * step])
    return {
        "type": "bar", "x": line.x, "y": line.y, "width": widths.tolist(), "name": plain(line.look.name),
        "meta": {"member": 0}, "marker": {"color": token("m-base", 30), "line": {"width": 0}},
        "hovertemplate": f"{plain(line.look.name)}<br>λ ≈ %{{x:.3g}}: %{{y:.3g}}<extra></extra>",
    }  # fmt: skip


def _step_line(line: Spectrum) -> Json:
    """Steps, and a mark where a bin stands by itself: one eigenvalue that left the others."""
    look, y = line.look, line.y
    flags = [
        value is not None and not any(y[max(0, index - 1) : index] + y[index + 1 : index + 2])
        for index, value in enumerate(y)
    ]
    return {
        "type": "scatter", "mode": "lines+markers", "x": line.x, "y": y, "name": plain(look.name),
        "meta": {"member": look.position}, "connectgaps": False,
        "line": {"color": token(look.color), "width": 1.75, "dash": look.dash, "shape": "hvh"},
        "marker": {"size": [6 if single else 0 for single in flags], "color": token(look.color), "symbol": look.marker},
        "hovertemplate": f"{plain(look.name)}<br>λ ≈ %{{x:.3g}}: %{{y:.3g}}<extra></extra>",
    }  # fmt: skip
