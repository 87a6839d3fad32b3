"""What a rule says of each layer, as bars in the network's order."""

from collections.abc import Sequence

from frontend.figures.plotting import Json, axis, dot, plain, rule
from frontend.numbers import short
from frontend.palette import token


def draw_bars(names: Sequence[str], values: Sequence[float | None], title: str, uniform: float | None = None) -> Json:
    """A bar for each layer that has a number; a dotted line where the choice would be that treats all alike."""
    there = [(at, name, value) for at, (name, value) in enumerate(zip(names, values, strict=True)) if value is not None]
    if not there:
        return {"data": [], "layout": {"meta": {"note": "No entry is a number."}}}
    bars: Json = {
        "type": "bar", "x": [at for at, _, _ in there], "y": [value for _, _, value in there],
        "marker": {"color": token("accent")}, "customdata": [None] * len(there),
        "hovertext": [f"{plain(name)}: {short(value)}" for _, name, value in there], "hoverinfo": "text",
        "hovertemplate": "%{hovertext}<extra></extra>",
    }  # fmt: skip
    low, high = min(there, key=lambda each: each[2]), max(there, key=lambda each: each[2])
    layout: Json = {
        "xaxis": axis("layer, in the network's order", showgrid=False, nticks=6),
        "yaxis": axis(title),
        "bargap": 0.2,
        "meta": {"words": f"From {short(low[2])} ({low[1]}) to {short(high[2])} ({high[1]})."},
    }
    if uniform is not None:
        line = rule(0, 1, uniform, uniform, "ink-2", xref="paper")
        layout["shapes"] = [{**line, "line": dot("ink-2")}]
    return {"data": [bars], "layout": layout}
