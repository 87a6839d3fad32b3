"""Tables that speak of widths and of steps, made by hand: the frontend knows no diagnostic."""

from collections.abc import Mapping

import numpy as np

from analysis.diagnostic import (
    Column,
    Diagnostic,
    Measurement,
    Row,
    Scalar,
    Scope,
    Summary,
    Table,
)  # fmt: skip
from analysis.figure import Figure, Growth, Widths
from analysis.weight import WeightInfo

SCALED = Figure("scaled", "s over d", "Slopes.", Widths(x="d", y="s", slope="e"))
PLAIN = Figure("plain", "s over d", "Slopes.", Widths(x="d", y="s"))
GROWTH = Figure("growth", "s over steps", "Growth.", Growth(y="s"))
COLUMNS = (
    Column("e", "slope", "The slope of s: high where it grows fast."),
    Column("s", "s", "The size: large or small.", kind="curve"),
    Column("d", "d", "The width: large or small.", kind="curve"),
)
Members = Mapping[tuple[int, ...], Mapping[str, Scalar]]


def table(members: Members, sizes: Mapping[tuple[str, int | None], list[float]]) -> Table:
    """A table of these (role, depth) with a size for each member, whose summary tells of the members."""

    def summarise(_: Table) -> Summary:
        return Summary("Said.", {"e.law": 0.75}, (), members)

    diagnostic = Diagnostic(
        "sizes", "Sizes", Scope.FAMILY, "none", "Sizes.", COLUMNS, lambda weights, options: Measurement({}),
        summarise, figures=(SCALED, PLAIN, GROWTH),
    )  # fmt: skip
    group = tuple(range(len(members)))
    rows = tuple(
        Row(
            WeightInfo(f"{role}.{depth}", f"{role}.{depth}", 8, 8, 1, role, depth),
            group,
            Measurement({"e": 1.0}, {"s": np.array(values, np.float32), "d": np.ones(len(values), np.float32)}),
        )
        for (role, depth), values in sizes.items()
    )
    return Table(diagnostic, rows, tuple(f"d{at}" for at in group))


def widths(*scales: float | None) -> Table:
    """Three models of widths 10, 20, 40. A query grows as d, a key not at all, an embedding lies in no block."""
    members: Members = {
        (at,): {"width": 10.0 * 2**at, "scale": scale} for at, scale in enumerate(scales or (0.5, 0.5, 0.5))
    }
    return table(
        members,
        {
            ("q", 0): [1.0, 2.0, 4.0],
            ("q", 1): [2.0, 4.0, 8.0],
            ("k", 0): [3.0, 3.0, 3.0],
            ("embedding", None): [9.0] * 3,
        },
    )


def steps() -> Table:
    """Two steps of a run, the later one first."""
    members: Members = {
        (0,): {"width": 10.0, "run.step": 200.0, "run.sigma": 2.0, "run.norm": 3.0, "run.rate": None},
        (1,): {"width": 10.0, "run.step": 100.0, "run.sigma": 1.0, "run.norm": 1.0, "run.rate": 1.0},
    }
    return table(members, {("q", 0): [2.0, 1.0]})
