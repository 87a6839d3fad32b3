"""The pieces that every figure is made of: axes, notes, rules, and marks by role, as Plotly JSON."""

from math import ceil, floor
from typing import Any, Literal

from analysis.diagnostic import Column
from frontend.numbers import SUPERSCRIPTS
from frontend.palette import token

Json = dict[str, Any]
CAPTION = 11  # px, for everything written inside a plot


def axis(title: Column | str | None, **more: Any) -> Json:
    """An axis with a title: a column's own, with its unit, or these words."""
    return {"title": {"text": title_of(title)}, **more}


def title_of(title: Column | str | None) -> str:
    """A column's title with its unit; words as they are."""
    if isinstance(title, Column):
        return title.title + (f" ({title.unit})" if title.unit else "")
    return title or ""


def note(x: float, y: float | str, text: str, color: str = "ink-2", **more: Any) -> Json:
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


def plain(name: str) -> str:
    """A name inside a hover template, whose braces and markup mean something there."""
    return name.replace("%{", "% {").replace("<", "‹").replace(">", "›")


def dot(color: str) -> Json:
    return {"color": token(color), "width": 1, "dash": "dot"}


def usual_band(column: Column, along: Literal["x", "y"] = "y") -> list[Json]:
    """The usual range of the values on one axis as a pale band with its two ends drawn."""
    if column.usual is None:
        return []
    low, high = column.usual
    across = "x" if along == "y" else "y"
    common: Json = {f"{across}ref": "paper", "layer": "below"}
    span: Json = {f"{across}0": 0, f"{across}1": 1, f"{along}0": low, f"{along}1": high}
    band = {"type": "rect", **span, "fillcolor": token("good", 9), **common, "line": {"width": 0}}
    ends = (rule(0, 1, end, end, "good") if along == "y" else rule(end, end, 0, 1, "good") for end in (low, high))
    return [band, *(end | common for end in ends)]
