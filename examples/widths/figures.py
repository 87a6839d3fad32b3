"""Two figures of the experiment, as small PNG files."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.width_scaling.family import Kind
from analysis.width_scaling.law import WIDTH_EXPONENT
from analysis.width_scaling.summary import name_kind
from examples.figures import DOTS, STYLE
from examples.widths.measure import Measured
from examples.widths.recipes import DRIFTS, TITLES, Rule

COLORS: dict[Rule, str] = {"sqrt": "#1766c2", "constant": "#c77700", "linear": "#b4231a"}
MARKERS: dict[Rule, str] = {"sqrt": "o", "constant": "^", "linear": "s"}


def draw(found: Mapping[Rule, Measured], folder: Path) -> list[Path]:
    """Writes the figures; their paths."""
    made = []
    with mpl.rc_context(STYLE):
        for name, figure in (("widths", against_width(found)), ("exponents", intervals(found))):
            made.append(folder / f"{name}.png")
            figure.savefig(made[-1], dpi=DOTS, metadata={"Software": None})
    return made


def against_width(found: Mapping[Rule, Measured]) -> Figure:
    """σ₁ of all matrices against the width under each rule, as it is and beside √(η/λ); dashes are the law."""
    figure = Figure(figsize=(7.6, 3.4))
    left, right = figure.subplots(1, 2)
    for rule, measured in found.items():
        for axis, scaled, law in ((left, False, DRIFTS[rule]), (right, True, WIDTH_EXPONENT)):
            width, sigma = points(measured, scaled)
            axis.plot(width, sigma, MARKERS[rule], color=COLORS[rule], label=TITLES[rule], markersize=5)
            law_line(axis, width, sigma, law, COLORS[rule])
    for axis, title in ((left, "σ₁, geometric mean over all matrices"), (right, "σ₁ / √(η/λ)")):
        _logarithmic(axis, sorted({s.width for m in found.values() for s in m.fits.family.settings}))
        axis.set_title(title)
    left.legend(frameon=False)
    right.annotate("dashes: d^0.75", (0.97, 0.04), xycoords="axes fraction", ha="right", color="#555555")
    return figure


def points(measured: Measured, scaled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Width and geometric mean of σ₁ over all matrices, of each model."""
    settings = measured.fits.family.settings
    sigma = np.exp(np.log(np.concatenate([kind.layers.sigma for kind in measured.fits.matrices])).mean(axis=0))
    scales = np.array([np.sqrt(setting.ratio or 1.0) if scaled else 1.0 for setting in settings])
    return np.array([setting.width for setting in settings]), sigma / scales


def law_line(axis: Axes, width: np.ndarray, sigma: np.ndarray, slope: float, color: str) -> None:
    """The law's slope through the narrowest models."""
    first = width.min()
    start = float(np.exp(np.log(sigma[width == first]).mean()))
    ends = np.array([first, width.max()])
    axis.plot(ends, start * (ends / first) ** slope, "--", color=color, linewidth=1.0, alpha=0.8)


def _logarithmic(axis: Axes, widths: list[float]) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(widths, [f"{width:g}" for width in widths])
    axis.minorticks_off()
    low, high = axis.get_ylim()
    steps = [step * 10.0**k for k in range(-2, 4) for step in (1, 1.5, 2, 3, 5, 7)]
    ticks = [tick for tick in steps if low <= tick <= high]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xlabel("d")


def intervals(found: Mapping[Rule, Measured]) -> Figure:
    """The exponent of d beside √(η/λ) for each kind of matrix and rule, with the interval that covers all doubts."""
    first = next(iter(found.values()))
    figure = Figure(figsize=(7.6, 3.8))
    axis = figure.subplots()
    titles = [*(name_kind(kind) for kind in first.fits.matrices), "all matrices"]
    for shift, (rule, measured) in zip((0.22, 0.0, -0.22), found.items(), strict=False):
        kinds = [*measured.fits.matrices, *([measured.fits.overall] if measured.fits.overall else [])]
        for place, kind in enumerate(kinds):
            _bar(axis, kind, len(titles) - 1 - place + shift, rule, TITLES[rule] if place == 0 else "")
    axis.axvline(WIDTH_EXPONENT, color="#555555", linewidth=1.0, linestyle="--")
    axis.set_yticks(range(len(titles)), titles[::-1])
    axis.set_xlim(0.0, 1.5)
    axis.set_xlabel("exponent of d in σ₁ / √(η/λ), 95 % intervals; the law says 0.75")
    axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)
    return figure


def _bar(axis: Axes, kind: Kind, place: float, rule: Rule, label: str) -> None:
    exponent = kind.fit.exponent
    if exponent is None:
        return
    ends = exponent.widest or (exponent.value, exponent.value)
    axis.plot(ends, (place, place), color=COLORS[rule], linewidth=1.4)
    axis.plot(exponent.value, place, MARKERS[rule], color=COLORS[rule], markersize=5, label=label or None)
