"""Steps of one training run: what became of a few sizes since the first step, each as a line."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.diagnostic import Column, Figure, Table
from frontend.figures.labels import spread
from frontend.figures.plotting import Json, axis, note
from frontend.palette import token

PREFIX, STEP = "run.", "run.step"  # of the summary's groups of one checkpoint
TITLES = {"sigma": "σ₁", "norm": "‖W‖", "rate": "η / ‖W‖"}
LOOKS = ("role-q", "role-o", "role-v", "role-down")
DASHES = ("solid", "dash", "dot", "dashdot")
GAP = 0.08  # between names at line ends, of the plot's height


@dataclass(frozen=True, slots=True)
class Growth:
    steps: list[float]
    lines: Mapping[str, list[float]]  # name -> multiples of the value at the first step


def growth(figure: Figure, table: Table, weight: str | None, position: object) -> Growth | str:
    """What the summary's groups of one checkpoint tell of a run, by their steps."""
    groups = [g for key, g in table.diagnostic.summarise(table).groups.items() if len(key) == 1 and STEP in g]
    if len(groups) < 2:
        return "These checkpoints are not steps of one run."
    groups.sort(key=lambda numbers: float(numbers[STEP] or 0.0))
    names = [name for name in groups[0] if name.startswith(PREFIX) and name != STEP]
    raw_lines = {name.removeprefix(PREFIX): [numbers.get(name) for numbers in groups] for name in names}
    lines = {name: [float(v) for v in values if v is not None] for name, values in raw_lines.items()}
    full_lines = {name: values for name, values in lines.items() if len(values) == len(groups)}
    return Growth([float(numbers[STEP] or 0.0) for numbers in groups], full_lines)


def draw_growth(info: Growth, columns: Mapping[str, Column]) -> Json:
    values = [value for line in info.lines.values() for value in line]
    low, high = min(0.0, *values), 1.08 * max(1.0, *values)
    names = list(info.lines)
    places = spread([info.lines[name][-1] for name in names], (high - low) * GAP, low, high)
    pad = 0.03 * (info.steps[-1] - info.steps[0])
    layout: Json = {
        "xaxis": axis("training step", range=[info.steps[0] - pad, info.steps[-1] + pad], showgrid=False),
        "yaxis": axis("times its value at the first step", range=[low, high], nticks=6),
        "margin": {"l": 52, "r": 78, "t": 12, "b": 42},
        "annotations": [
            note(info.steps[-1] + pad, y, TITLES.get(name, name), xanchor="left", xshift=6)
            | {"font": {"size": 12, "color": token(LOOKS[index % len(LOOKS)])}}
            for index, (name, y) in enumerate(zip(names, places, strict=True))
        ],
        "meta": {"words": "; ".join(f"{TITLES.get(n, n)} {info.lines[n][-1]:.3g} at the last step" for n in names)},
    }
    return {"data": [_line(info, index, name) for index, name in enumerate(names)], "layout": layout}


def _line(info: Growth, at: int, name: str) -> Json:
    return {
        "type": "scatter", "mode": "lines+markers", "x": info.steps, "y": info.lines[name], "cliponaxis": False,
        "name": TITLES.get(name, name), "marker": {"size": 7},
        "line": {"color": token(LOOKS[at % len(LOOKS)]), "width": 2, "dash": DASHES[at % len(DASHES)]},
        "hovertemplate": f"{TITLES.get(name, name)}<br>step %{{x:.0f}}: %{{y:.3g}} ×<extra></extra>",
    }  # fmt: skip
