"""A comparison made by hand: a base and tuned checkpoints, with rows for pairs and curves whose numbers are known."""

from collections.abc import Sequence

import numpy as np

from analysis.diagnostic import Column, Diagnostic, Measurement, Row, Scope, Summary, Table
from analysis.figure import Figure, Heatmap, Match, Ranks, Series, Spectra, Sweep
from analysis.weight import WeightInfo

NAMES = ("base", "LoRA r = 1", "full")
MATCH = Figure("match", "Match", "", Match(z="likeness", best="best", k="k", epsilon="epsilon"))
RANKS = Figure("ranks", "Ranks", "", Ranks(y="sizes", base="base_sizes"))
SPECTRA = Figure("spectra", "Spectra", "", Spectra(values="sizes", base="base_sizes"))
SWEEP = Figure("sweep", "Sweep", "", Sweep(x="cuts", y="counts", x0="epsilon"))
SERIES = Figure("series", "Series", "", Series(y="strangers"))
CELLS = Figure("cells", "Cells", "", Heatmap(color="strangers"))
FIGURES = (MATCH, RANKS, SPECTRA, SWEEP, SERIES, CELLS)

CUTS = np.linspace(0.05, 0.95, 19)
BEST = np.array([0.9, 0.3, 0.45, 0.7], dtype=np.float32)  # of four tuned directions


def summarise(table: Table) -> Summary:
    found = {
        group: {
            "strangers": sum(int(row.value("strangers") or 0) for row in table.rows if row.group == group),
            "matrices": sum(row.group == group for row in table.rows),
        }
        for group in sorted({row.group for row in table.rows})
    }
    return Summary("One adds them. The other does not.", {"rows": len(table.rows)}, groups=found)


DIAGNOSTIC = Diagnostic(
    name="strangers",
    title="Strangers",
    scope=Scope.PAIR,
    reference="",
    description="",
    columns=(
        Column(
            "strangers", "Strangers", "How many. More: more forgetting.", kind="integer", usual=(0.0, 0.0), shown=True
        ),
        Column("k", "k", "How many are looked at.", kind="integer"),
        Column("epsilon", "ε", "Below it, a stranger."),
        Column("change", "Size", "Of the update.", shown=True),
        Column("likeness", "similarity", "", kind="curve"),
        Column("best", "best match", "", kind="curve"),
        Column("sizes", "Singular value", "", kind="curve"),
        Column("base_sizes", "Singular value", "", kind="curve"),
        Column("cuts", "ε", "", kind="curve"),
        Column("counts", "strangers", "", kind="curve"),
    ),
    compute=lambda weights, options: Measurement({}),
    summarise=summarise,
    figures=FIGURES,
)


def pair(
    name: str, tuned: int, best: Sequence[float] = tuple(BEST), role: str = "q", depth: int | None = 0,
    k: int = 3, epsilon: float = 0.5, note: str | None = None,
) -> Row:  # fmt: skip
    """A row of a pair; its similarities are the best matches on a diagonal."""
    info = WeightInfo(name=name, tensor=name, rows=4, columns=8, slices=1, role=role, depth=depth)
    if note is not None:
        return Row(info, (0, tuned), Measurement({"strangers": None}, {}, note))
    found = np.array(best, dtype=np.float32)
    counts = [int((found[:k] < cut).sum()) for cut in CUTS]
    values = {"strangers": int((found[:k] < epsilon).sum()), "k": k, "epsilon": epsilon, "change": 0.1 * tuned}
    curves = {
        "likeness": np.diag(found).flatten(),
        "best": found,
        "sizes": np.array([8.0, 4.0][: 3 - tuned] + [2.0] * (tuned * 20), dtype=np.float32),
        "base_sizes": np.geomspace(100, 1, 30).astype(np.float32),
        "cuts": CUTS.astype(np.float32),
        "counts": np.array(counts, dtype=np.float32),
    }
    return Row(info, (0, tuned), Measurement(values, curves))


def table(rows: Sequence[Row], names: Sequence[str] = NAMES) -> Table:
    return Table(DIAGNOSTIC, tuple(rows), tuple(names))


def both() -> Table:
    """Two matrices in two tuned checkpoints; the second has strangers nowhere."""
    calm = (0.99, 0.98, 0.97, 0.96)
    first = [pair("layers.0.q", 1), pair("layers.1.k", 1, (0.1, 0.2, 0.3, 0.9), role="k", depth=1)]
    return table([*first, pair("layers.0.q", 2, calm), pair("layers.1.k", 2, calm, role="k", depth=1)])
