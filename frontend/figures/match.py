"""One weight before and after: which direction of the base each tuned direction resembles, and which resemble none.

Above, the best match of every tuned direction; below, its similarity with each base direction. k and ε come from the
row. The page may move both (static/js/match.js): what moves is drawn from `layout.meta.match` by the same rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from analysis.diagnostic import Column, Figure, Row, Table
from frontend.figures.plotting import Json, axis, note
from frontend.numbers import plural
from frontend.palette import token
from frontend.rows import At, number, row_of
from frontend.scale import SEQUENTIAL

SPLIT = (0.68, 0.75)  # the lower panel ends, the upper one begins
TOP = 1.12  # of the upper panel: room for the marks above a full match
TINT = 7  # percent: an intruder's column in the lower panel


@dataclass(frozen=True, slots=True)
class Match:
    similarity: list[list[float]]  # a line for each base direction, a value in it for each tuned one; 0 to 1
    best: list[float]  # of each tuned direction, over all base directions
    k: int
    epsilon: float
    intruders: list[bool]
    words: str


def match(figure: Figure, table: Table, weight: str | None, position: At) -> Match | str:
    """`z` as a square, `best` above it. Intruders: those of the first `k` with a best below `epsilon`."""
    row = row_of(table, weight, position)
    flat, best = (row.measurement.curves.get(figure.parts[part]) for part in ("z", "best"))
    if flat is None or best is None or len(flat) == 0 or len(best) == 0:
        return row.reason or "There are no directions to compare."
    side = isqrt(len(flat))
    square = np.asarray(flat, dtype=np.float64)[: side * side].reshape(side, side)
    k, epsilon = _settings(figure, row)
    best_values = [float(value) for value in best[:side]]
    intruders = intruders_of(best_values, k, epsilon)
    label, name = row.weight.label, table.name_at(row.group[-1])
    words = sentence(sum(intruders), min(k, side), first_rank(intruders), label, name)
    return Match(np.round(square, 4).tolist(), best_values, min(k, side), epsilon, intruders, words)


def _settings(figure: Figure, row: Row) -> tuple[int, float]:
    k, epsilon = (number(row, figure.parts[part]) for part in ("k", "epsilon"))
    return int(k or 0), float(epsilon or 0.0)


def intruders_of(best: Sequence[float], k: int, epsilon: float) -> list[bool]:
    """Which directions are intruders: of the first k, those whose best match is below ε."""
    return [index < k and value < epsilon for index, value in enumerate(best)]


def first_rank(intruders: Sequence[bool]) -> int | None:
    """The rank of the strongest intruder, from 1."""
    return intruders.index(True) + 1 if True in intruders else None


def sentence(many: int, k: int, rank: int | None, label: str, name: str) -> str:
    """How many of the first k directions are intruders, and the rank of the strongest; `name` is the checkpoint's.

    static/js/match.js says the same when k or ε moves.

    >>> sentence(1, 10, 3, "Block 5 · MLP down", "LoRA r = 8")
    '1 of the 10 strongest directions of Block 5 · MLP down is an intruder after LoRA r = 8; the strongest ranks 3.'
    """
    strongest = plural(k, "strongest direction")
    if many == 0:
        return f"No intruder among the {strongest} of {label} after {name}."
    what = "is an intruder" if many == 1 else "are intruders"
    ranks = "" if rank is None else f"; the strongest ranks {rank}"
    return f"{many} of the {strongest} of {label} {what} after {name}{ranks}."


def draw_match(info: Match, columns: Mapping[str, Column]) -> Json:
    """The parts that move come last among the traces, shapes and notes, so that the page can put others there."""
    directions = list(range(1, len(info.best) + 1))
    side = len(directions)
    ticks = {"tickvals": [1, *range(5, side + 1, 5)], "showgrid": False}
    layout: Json = {
        "xaxis": axis("tuned direction, strongest first", range=[0.5, side + 0.5], anchor="y", **ticks),
        "yaxis": axis("base direction", range=[side + 0.5, 0.5], domain=[0, SPLIT[0]], **ticks),
        "yaxis2": axis(columns.get("best"), range=[0, TOP], domain=[SPLIT[1], 1], tickvals=[0, 0.5, 1]),
        "margin": {"l": 52, "r": 58, "t": 20, "b": 40},
        "shapes": [],
        "annotations": [],
        "meta": {"match": {"best": info.best, "k": info.k, "epsilon": info.epsilon}, "words": info.words},
    }
    data = [_similarities(info, directions, columns.get("z")), _bars(info, directions, columns.get("best"))]
    _moving(info, data, layout)
    return {"data": data, "layout": layout}


def _similarities(info: Match, directions: list[int], column: Column | None) -> Json:
    title = column.title if column else "similarity"
    steps = [[i / (len(SEQUENTIAL) - 1), token(step)] for i, step in enumerate(SEQUENTIAL)]
    return {
        "type": "heatmap", "x": directions, "y": directions, "z": info.similarity, "zmin": 0, "zmax": 1,
        "colorscale": steps, "xgap": 1, "ygap": 1,
        "hovertemplate": "tuned %{x} with base %{y}<br>" + title + " %{z:.2f}<extra></extra>",
        "colorbar": {
            "title": {"text": title, "side": "right", "font": {"size": 11}}, "thickness": 8, "outlinewidth": 0,
            "len": SPLIT[0] - 0.08, "y": SPLIT[0] / 2, "tickvals": [0, 0.5, 1], "tickfont": {"size": 11},
        },
    }  # fmt: skip


def _bars(info: Match, directions: list[int], column: Column | None) -> Json:
    nearest = (1 + np.argmax(np.asarray(info.similarity), axis=0)).tolist()  # among the base directions in the picture
    return {
        "type": "bar", "x": directions, "y": info.best, "yaxis": "y2", "width": 0.62, "customdata": nearest,
        "hovertemplate": "tuned direction %{x}<br>" + (column.title if column else "best match")
        + " %{y:.2f}<br>nearest shown: base %{customdata}<extra></extra>",
    }  # fmt: skip


def _moving(info: Match, data: list[Json], layout: Json) -> None:
    """k, ε and what follows from them. static/js/match.js draws the same; a test holds the two together."""
    side, k, epsilon = len(info.best), info.k, info.epsilon
    ranks = [rank + 1 for rank, intruder in enumerate(info.intruders) if intruder]
    shades = ["bad" if bad else "q-4" if rank < k else "line-2" for rank, bad in enumerate(info.intruders)]
    data[-1]["marker"] = {"color": [token(shade) for shade in shades]}
    data.append({
        "type": "scatter", "mode": "markers", "x": ranks, "y": [info.best[rank - 1] + 0.07 for rank in ranks],
        "yaxis": "y2", "hoverinfo": "skip", "marker": {"symbol": "triangle-down", "size": 8, "color": token("bad")},
    })  # fmt: skip
    layout["shapes"] += [
        {"type": "line", "x0": 0.5, "x1": side + 0.5, "y0": epsilon, "y1": epsilon, "yref": "y2",
         "line": {"color": token("bad"), "width": 1.5, "dash": "dash"}},
        {"type": "line", "x0": k + 0.5, "x1": k + 0.5, "y0": 0, "y1": 1, "yref": "paper",
         "line": {"color": token("ink-3"), "width": 1, "dash": "dot"}},
        *({"type": "rect", "x0": rank - 0.5, "x1": rank + 0.5, "y0": 0.5, "y1": side + 0.5, "yref": "y",
           "fillcolor": token("bad", TINT), "line": {"width": 0}} for rank in ranks),
    ]  # fmt: skip
    layout["annotations"] += [
        note(k + 0.5, 1, f" k = {k}", yref="paper", xanchor="right" if k > 0.8 * side else "left", yanchor="bottom"),
        note(1, epsilon, f" ε = {epsilon:.2f}", "bad", xref="paper", yref="y2", xanchor="left", yanchor="middle"),
    ]
