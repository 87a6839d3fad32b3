"""One weight: the density of its values, with the fitted tail, a law beside it and a cut, where the row has them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.diagnostic import Column, Figure, Row, Table
from frontend.figures.plotting import Json, dot, log_axis, note, rule
from frontend.numbers import short
from frontend.palette import token
from frontend.rows import At, number, row_of

Values = NDArray[np.float64]
LEFT_OUT = 0.03  # share of the smallest values that a density leaves out of the picture: a long thin left end
BINS = (8, 60)  # at least, at most
STRONG = 85  # percent strength of the bars that a fit rests on, or that lie beyond the cut; the others have PALE
PALE = 38


@dataclass(frozen=True, slots=True)
class Density:
    """A histogram over logarithmic bins, as a density, and what is drawn over it."""

    middles: list[float]  # of the bins, halfway between their edges
    widths: list[float]
    heights: list[float]  # count / (total × width of the bin): what a probability density integrates like
    counts: list[int]
    strong: list[bool]  # in the tail, or beyond the cut
    step: float  # from bin to bin, in powers of ten
    total: int
    x_range: tuple[float, float]  # log10
    y_range: tuple[float, float]  # log10
    fit: tuple[list[float], list[float]] | None = None
    slope: float = 0.0
    tail_from: float = 0.0  # log10 of where the tail starts
    tail_label: str = ""  # the same in words
    law: tuple[list[float], list[float]] | None = None
    cut: float | None = None


# ---------- prepared ----------


def density(figure: Figure, table: Table, weight: str | None, position: At) -> Density | str:
    """`values` in bins; the tail from `xmin` falls with the exponent `alpha`; the law is `curve_y` over `curve_x`."""
    row = row_of(table, weight, position)
    values = _positive(_curve(row, figure, "values"))
    if len(values) < 2 or values[0] == values[-1]:
        return row.reason or "There are too few different values for a density."
    bins = _bins(values)
    start, alpha = number(row, figure.parts.get("xmin")), number(row, figure.parts.get("alpha"))
    if start is not None and alpha is not None and start < values[-1]:
        bins = _with_tail(bins, values, start, alpha)
    cut = number(row, figure.parts.get("cut"))
    if cut is not None and cut > 0:
        bins = _with_cut(bins, cut)
    x, y = _curve(row, figure, "curve_x"), _curve(row, figure, "curve_y")
    return bins if x is None or y is None else _with_law(bins, x, y)


def _curve(row: Row, figure: Figure, part: str) -> Values | None:
    curve = row.measurement.curves.get(figure.parts.get(part, ""))
    return None if curve is None else np.asarray(curve, dtype=np.float64)


def _positive(curve: Values | None) -> Values:
    values = np.sort(np.zeros(0) if curve is None else curve)
    return values[values > 0]


def _bins(values: Values) -> Density:
    """The upper values in about √n logarithmic bins; empty bins are left out."""
    logs = np.log10(values)
    low, high = float(np.quantile(logs, LEFT_OUT)), float(logs[-1])
    if low >= high:
        low = float(logs[0])
    count = int(np.clip(round(2 * len(values) ** 0.5), *BINS))
    counts, edges = np.histogram(logs[logs >= low], bins=count, range=(low, high))
    bounds = 10.0**edges
    heights = counts / (len(values) * np.diff(bounds))
    mask = counts > 0
    tops = np.log10(heights[mask])
    return Density(
        middles=((bounds[:-1] + bounds[1:]) / 2)[mask].tolist(),
        widths=(bounds[1:] - bounds[:-1])[mask].tolist(),
        heights=heights[mask].tolist(),
        counts=counts[mask].tolist(),
        strong=[False] * int(mask.sum()),
        step=(high - low) / count,
        total=len(values),
        x_range=(low - 0.03 * (high - low), high + 0.03 * (high - low)),
        y_range=(float(tops.min()) - 0.3, float(tops.max()) + 0.3),
    )


def _with_tail(bins: Density, values: Values, start: float, alpha: float) -> Density:
    """Adds p(λ) = share · (α − 1)/xmin · (λ/xmin)^−α, where share of all values lie in the tail."""
    share = float(np.mean(values >= start * (1 - 1e-6)))  # curves are float32, xmin is float64
    top = float(values[-1])
    at_start = share * (alpha - 1) / start
    at_top = at_start * (top / start) ** -alpha
    floor, ceiling = bins.y_range
    x0, x1, y0, y1 = (float(np.log10(max(v, 1e-300))) for v in (start, top, at_start, at_top))
    end = x1 if y1 >= floor or alpha <= 0 else x0 + (y0 - floor) / alpha
    return replace(
        bins,
        strong=_bins_from(bins, start),
        y_range=(floor, max(ceiling, y0 + 0.15)),
        fit=([start, 10**end], [at_start, 10 ** (y0 - alpha * (end - x0))]),
        slope=alpha,
        tail_from=x0,
        tail_label=short(start),
    )


def _bins_from(bins: Density, start: float) -> list[bool]:
    """The bins that lie above a value, those that hold it included."""
    return [middle >= start * 10 ** (-bins.step / 2) for middle in bins.middles]


def _with_cut(bins: Density, cut: float) -> Density:
    """Adds the cut; the picture reaches as far as it."""
    low, high = bins.x_range
    reach = float(np.log10(cut)) + 0.03 * (high - low)
    strong = bins.strong if bins.fit else [middle >= cut for middle in bins.middles]
    return replace(bins, strong=strong, cut=cut, x_range=(low, max(high, reach)))


def _with_law(bins: Density, x: Values, y: Values) -> Density:
    """Adds the law where it lies in the picture: at an edge it falls to 0, which no logarithm shows."""
    floor, ceiling = bins.y_range
    mask = (x > 0) & (y > 10.0**floor) & (x >= 10.0 ** bins.x_range[0]) & (x <= 10.0 ** bins.x_range[1])
    if mask.sum() < 2:
        return bins
    top = float(np.log10(y[mask].max())) + 0.1
    return replace(bins, law=(x[mask].tolist(), y[mask].tolist()), y_range=(floor, max(ceiling, min(top, ceiling + 1))))


# ---------- drawn ----------


def draw_density(info: Density, columns: Mapping[str, Column]) -> Json:
    bars: Json = {
        "type": "bar", "x": info.middles, "y": info.heights, "width": [0.9 * width for width in info.widths],
        "marker": {"color": [token("accent", STRONG if strong else PALE) for strong in info.strong]},
        "customdata": info.counts,
        "hovertemplate": "≈ %{x:.3g}<br>%{customdata} of " + str(info.total) + "<extra></extra>",
    }  # fmt: skip
    layout: Json = {
        "bargap": 0,
        "xaxis": log_axis(columns.get("values"), *info.x_range, showgrid=False),
        "yaxis": log_axis("density", *info.y_range),
        "margin": {"l": 56, "r": 12, "t": 22, "b": 42},
        "shapes": [],
        "annotations": [],
    }
    data = [bars]
    if info.law is not None:
        data.append(_law(info.law, columns.get("curve_y")))
    if info.fit is not None:
        data.append(_tail(info, layout))
    if info.cut is not None:
        _mark_cut(info, info.cut, columns.get("cut"), layout)
    return {"data": data, "layout": layout}


def _law(law: tuple[list[float], list[float]], column: Column | None) -> Json:
    title = column.title if column else "law"
    return {
        "type": "scatter", "mode": "lines", "x": law[0], "y": law[1],
        "line": {"color": token("ink-2"), "width": 1.75, "dash": "dash"},
        "hovertemplate": title + " %{y:.3g}<extra></extra>",
    }  # fmt: skip


def _tail(info: Density, layout: Json) -> Json:
    """The fitted tail; where it starts and how steep it is, is written above that place."""
    assert info.fit is not None
    xs, ys = info.fit
    words = f"tail from {info.tail_label}, slope −{info.slope:.2f}"
    layout["shapes"].append(_vertical_line(xs[0], "role-o"))
    layout["annotations"].append(_label_above(info, info.tail_from, words, "role-o"))
    return {
        "type": "scatter", "mode": "lines", "x": xs, "y": ys, "line": {"color": token("role-o"), "width": 2.5},
        "hovertemplate": f"fitted tail, slope −{info.slope:.2f}<extra></extra>",
    }  # fmt: skip


def _mark_cut(info: Density, cut: float, column: Column | None, layout: Json) -> None:
    words = f"{column.title if column else 'cut'} {short(cut)}"
    shift = -14 if info.fit else 0  # under the words on the tail
    layout["shapes"].append(_vertical_line(cut, "ink-2"))
    layout["annotations"].append(_label_above(info, float(np.log10(cut)), words, "ink-2") | {"yshift": shift})


def _vertical_line(x: float, color: str) -> Json:
    return rule(x, x, 0, 1, color, yref="paper") | {"line": dot(color)}


def _label_above(info: Density, x: float, words: str, color: str) -> Json:
    """Words above a place (log10), towards the wider side."""
    low, high = info.x_range
    side: Json = {"yref": "paper", "xanchor": "right" if x > (low + high) / 2 else "left", "yanchor": "bottom"}
    return note(x, 1, words, color, **side)
