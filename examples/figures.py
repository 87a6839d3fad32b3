"""Three figures of the experiment, as small PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.claims import NUMBERS, Run, correlation
from examples.measure import EPSILON, K

COLORS = {0: "#1f2937", 1: "#b4231a", 8: "#c77700", 64: "#1766c2"}  # by rank; 0 is full
MARKERS = {"low": "o", "high": "^"}
NAMES = {0: "full", 1: "LoRA r=1", 8: "LoRA r=8", 64: "LoRA r=64"}
STYLE: dict[Any, Any] = {  # matplotlib types the keys one by one
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.constrained_layout.use": True,
}
DOTS = 130  # per inch
PER_RUN = (3.5, 3.4)  # inches of a panel


def draw(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Writes the figures; their paths."""
    made = []
    with mpl.rc_context(STYLE):
        for name, figure in (("intruders", by_rank(runs)), ("forgetting", against(runs)), ("sweep", sweeps(runs))):
            made.append(folder / f"{name}.png")
            figure.savefig(made[-1], dpi=DOTS, metadata={"Software": None})
    return made


def panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(PER_RUN[0] * count, PER_RUN[1]))
    axes = figure.subplots(1, count, squeeze=False)
    return figure, list(axes[0])


def by_rank(runs: Sequence[Run]) -> Figure:
    """Intruders, update norm and effective rank of each run, by rank and rule for alpha."""
    figure, axes = panels(3)
    groups = list(dict.fromkeys(group for rank in (1, 8, 64, 0) for group in _groups(runs, rank)))
    titles = {
        "intruders": f"Intruders (k={K}, ε={EPSILON})",
        "update norm": "‖ΔW‖ / ‖W₀‖, median",
        "effective rank": "Effective rank of ΔW, median",
    }
    for axis, (number, title) in zip(axes, titles.items(), strict=True):
        for run in runs:
            place = groups.index((run.recipe.rank, run.recipe.alpha)) + (0.12 if run.recipe.speed == "high" else -0.12)
            _point(axis, run, place, NUMBERS[number](run))
        axis.set_xticks(range(len(groups)), ["full" if rank == 0 else f"r={rank}\nα={alpha}" for rank, alpha in groups])
        axis.set_title(title)
        axis.grid(visible=False, axis="x")
    axes[1].set_yscale("log")
    axes[2].set_yscale("log")
    _legend(axes[0], ranks=False)
    return figure


def _groups(runs: Sequence[Run], rank: int) -> list[tuple[int, int]]:
    return [(rank, alpha) for alpha in sorted({r.recipe.alpha for r in runs if r.recipe.rank == rank})]


def against(runs: Sequence[Run]) -> Figure:
    """Forgetting against intruders, and against the update's size; accuracy against forgetting."""
    figure, axes = panels(3)
    for run in runs:
        _point(axes[0], run, run.found.intruders, run.result.forgetting)
        _point(axes[1], run, run.found.relative_norm, run.result.forgetting)
        _point(axes[2], run, run.result.forgetting, run.result.accuracy)
    axes[1].set_xscale("log")
    for axis, x, y, one, other in (
        (axes[0], "intruders", "forgetting", "intruders", "forgetting"),
        (axes[1], "‖ΔW‖ / ‖W₀‖, median", "forgetting", "update norm", "forgetting"),
        (axes[2], "forgetting", "accuracy", "forgetting", "accuracy"),
    ):
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        axis.set_title(str(correlation(runs, one, other)))
    _legend(axes[2], ranks=True)
    return figure


def sweeps(runs: Sequence[Run]) -> Figure:
    """The count for every threshold ε, mean over seeds, a panel for each learning rate."""
    figure, axes = panels(2)
    for axis, speed in zip(axes, MARKERS, strict=True):
        for group in dict.fromkeys((run.recipe.rank, run.recipe.alpha) for run in runs):
            chosen = [r.found for r in runs if (r.recipe.rank, r.recipe.alpha) == group and r.recipe.speed == speed]
            if chosen:
                rank, alpha = group
                line = "-" if alpha in (0, 2 * rank) else "--"
                label = "full" if rank == 0 else f"r={rank} α={alpha}"
                counts = np.mean([found.sweep_count for found in chosen], axis=0)
                axis.plot(chosen[0].sweep_epsilon, counts, line, color=COLORS[rank], label=label)
        axis.set_title(f"{speed} learning rate")
        axis.set_xlabel("ε")
        axis.axvline(EPSILON, color="#888888", linewidth=0.8, linestyle=":")
        axis.set_ylim(0, K * runs[0].found.matrices)
    axes[0].set_ylabel(f"intruders among the first {K} directions of {runs[0].found.matrices} matrices")
    axes[0].legend(frameon=False)
    return figure


def _point(axis: Axes, run: Run, x: float, y: float) -> None:
    hollow = not run.recipe.full and run.recipe.alpha != 2 * run.recipe.rank
    color = COLORS[run.recipe.rank]
    axis.plot(x, y, MARKERS[run.recipe.speed], color=color, mfc="none" if hollow else color, markersize=5.5)


def _legend(axis: Axes, *, ranks: bool) -> None:
    for speed, marker in MARKERS.items():
        axis.plot([], [], marker, color="#666666", label=f"{speed} rate")
    axis.plot([], [], "s", color="#666666", mfc="none", label="α = 8")
    if ranks:
        for rank, name in NAMES.items():
            axis.plot([], [], "s", color=COLORS[rank], label=name)
    axis.legend(frameon=False, fontsize=8)
