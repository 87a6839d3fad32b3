"""A made-up diagnostic and its tables: what frontend sees is the record alone, whichever diagnostic it is."""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.diagnostic import Column, Curve, Diagnostic, Measurement, Row, Scalar, Scope, Summary, Table
from analysis.figure import ByDepth, Density, Distribution, Figure, Flow, Heatmap, Line, Scatter
from analysis.weight import WeightInfo

FIGURES = (
    Figure("density", "Density", "", Density(values="sizes", xmin="start", alpha="steepness")),
    Figure("search", "Search", "", Line(x="starts", y="gaps", x0="start", y0="gap")),
    Figure("by-depth", "By depth", "", ByDepth(y="steepness", error="doubt", hollow="weak")),
    Figure("map", "Map", "", Heatmap(color="steepness")),
    Figure("pair", "Pair", "", Scatter(x="count", y="steepness", error="doubt")),
    Figure("flow", "Flow", "", Flow(y="steepness", hollow="weak")),
    Figure("spread", "Spread", "", Distribution(x="steepness")),
)
BULK = Figure(
    "bulk", "Bulk", "",
    Density(values="sizes", curve_x="law_x", curve_y="law_y", cut="edge"),
)  # fmt: skip
DIAGNOSTIC = Diagnostic(
    name="steepness",
    title="Steepness",
    scope=Scope.ONE,
    reference="",
    description="",
    columns=(
        Column("steepness", "β", "How steep.", unit="dB", usual=(2.0, 6.0), error="doubt"),
        Column("doubt", "± β", "How sure."),
        Column("start", "from", "Where the tail starts."),
        Column("gap", "gap", "How well it fits."),
        Column("count", "Count", "How many.", kind="integer"),
        Column("weak", "weak", "Whether little supports it.", kind="flag"),
        Column("word", "Word", "In a word.", kind="text"),
        Column("edge", "Edge", "Where noise ends.", absent="no noise"),
        Column("sizes", "size", "All sizes.", kind="curve"),
        Column("starts", "start", "Possible starts.", kind="curve"),
        Column("gaps", "gap", "Their gaps.", kind="curve"),
        Column("law_x", "size", "Sizes of noise.", kind="curve"),
        Column("law_y", "Noise", "Density of noise.", kind="curve"),
    ),
    compute=lambda weights, options: Measurement({}),
    summarise=lambda table: Summary("Fine. All of it.", {"rows": len(table.rows)}),
    figures=FIGURES,
)


def row(
    name: str, role: str = "q", depth: int | None = 0, position: int = 0,
    curves: Mapping[str, Curve] | None = None, note: str | None = None, **values: Scalar,
) -> Row:  # fmt: skip
    info = WeightInfo(name=name, tensor=name, rows=4, columns=8, slices=1, role=role, depth=depth)
    return Row(info, (position,), Measurement(values, curves or {}, note))


def table(rows: Sequence[Row]) -> Table:
    return Table(DIAGNOSTIC, tuple(rows))


def blocks() -> Table:
    """Two roles in three blocks, a weight outside the blocks, and one without a value."""
    steep = {("q", 0): 2.5, ("q", 1): 3.0, ("q", 2): 7.0, ("k", 0): 4.0, ("k", 1): 1.0, ("k", 2): 6.0}
    inside = [
        row(f"layers.{depth}.{role}", role, depth, steepness=value, doubt=0.5, weak=value > 6, count=depth)
        for (role, depth), value in steep.items()
    ]
    outside = row("embed", "embedding", None, steepness=3.5, doubt=0.1, weak=False, count=9)
    return table([*inside, outside, row("type", "embedding", None, note="too few", steepness=None, count=2)])


def power_law() -> Table:
    """One weight whose sizes follow p(x) ∝ x⁻³ exactly from 1 on: quantiles of that law."""
    share = (np.arange(1000) + 0.5) / 1000
    sizes = ((1 - share) ** (-1 / 2)).astype(np.float32)
    curves = {
        "sizes": sizes,
        "starts": np.geomspace(1, 100, 50).astype(np.float32),
        "gaps": np.linspace(0, 1, 50).astype(np.float32),
    }
    return table([row("w", steepness=3.0, doubt=0.1, gap=0.01, curves=curves, start=1.0)])
