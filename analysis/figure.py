"""Declared views of a table: which of a diagnostic's columns play which part in a picture of which kind.

One record for each kind that frontend.figures.draw can draw. Its fields are the parts, and each names a column; a part
that is None is left out. Where a row has no value for a part, the picture is drawn without it or its note says why. A
typing error in a part is refused where the record is made, and one in a column by `Diagnostic`: both at import.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import ClassVar


class FigureKind(StrEnum):
    """The small closed set of pictures."""

    DENSITY = "density"
    LINE = "line"
    DEPTH = "depth"
    HEATMAP = "heatmap"
    SCATTER = "scatter"
    FLOW = "flow"
    DISTRIBUTION = "distribution"
    MATCH = "match"
    RANKS = "ranks"
    SPECTRA = "spectra"
    SWEEP = "sweep"
    WIDTHS = "widths"
    GROWTH = "growth"
    SERIES = "series"


PER_WEIGHT = (FigureKind.DENSITY, FigureKind.LINE, FigureKind.MATCH, FigureKind.RANKS, FigureKind.SPECTRA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """One weight: histogram of the curve `values`, its tail from `xmin` with slope `alpha`, its law, a `cut`.

    The law, curve `curve_y` over curve `curve_x`, integrates to the share of the values that it describes.
    """

    kind: ClassVar[FigureKind] = FigureKind.DENSITY
    values: str
    xmin: str | None = None
    alpha: str | None = None
    curve_x: str | None = None
    curve_y: str | None = None
    cut: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One weight: curve `y` over curve `x`, with the point (`x0`, `y0`) marked."""

    kind: ClassVar[FigureKind] = FigureKind.LINE
    x: str
    y: str
    x0: str | None = None
    y0: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDepth:
    """The table: `y` ± `error` by depth, a line for each role; marks are hollow where the flag `hollow` is true."""

    kind: ClassVar[FigureKind] = FigureKind.DEPTH
    y: str
    error: str | None = None
    hollow: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap:
    """The table: `color` by depth and role."""

    kind: ClassVar[FigureKind] = FigureKind.HEATMAP
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """The table: `y` over `x` ± `error` along x, on equal axes, with the line where they are equal."""

    kind: ClassVar[FigureKind] = FigureKind.SCATTER
    x: str
    y: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The table: `y` over all weights in their order as one line, roles marked, hollow where `hollow` is true."""

    kind: ClassVar[FigureKind] = FigureKind.FLOW
    y: str
    hollow: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The table: `x` of every weight as a mark, in a row for each role."""

    kind: ClassVar[FigureKind] = FigureKind.DISTRIBUTION
    x: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One weight, one pair: the square curve `z` (base × fine-tuned), `best` of each direction; `k`, `epsilon`."""

    kind: ClassVar[FigureKind] = FigureKind.MATCH
    z: str
    best: str
    k: str
    epsilon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """One weight: curve `y` over its index on a logarithmic scale, a line for each group, and curve `base`."""

    kind: ClassVar[FigureKind] = FigureKind.RANKS
    y: str
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectra:
    """One weight: densities of the logarithms of curve `values`, a line for each group, and of curve `base`."""

    kind: ClassVar[FigureKind] = FigureKind.SPECTRA
    values: str
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The table: curve `y` over curve `x`, summed over the weights, a line for each group, and a mark at `x0`."""

    kind: ClassVar[FigureKind] = FigureKind.SWEEP
    x: str
    y: str
    x0: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """The table: curve `y` over the checkpoints' width `x`, of one role or of all, scaled as `slope` says."""

    kind: ClassVar[FigureKind] = FigureKind.WIDTHS
    x: str
    y: str
    slope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The table: `y` and other sizes over the steps of one training run."""

    kind: ClassVar[FigureKind] = FigureKind.GROWTH
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The table: `y` over the fine-tuned checkpoints in their order: the sum of a count, else the median."""

    kind: ClassVar[FigureKind] = FigureKind.SERIES
    y: str


Plot = (
    Density | Line | ByDepth | Heatmap | Scatter | Flow | Distribution
    | Match | Ranks | Spectra | Sweep | Widths | Growth | Series
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot of a diagnostic's table, with a name that addresses it and what a reader is told."""

    name: str
    title: str
    caption: str
    plot: Plot

    @property
    def kind(self) -> FigureKind:
        return self.plot.kind

    @property
    def per_weight(self) -> bool:
        return self.kind in PER_WEIGHT

    @property
    def parts(self) -> Mapping[str, str]:
        """The column that plays each part; those that are left out are not in it."""
        columns = {part.name: getattr(self.plot, part.name) for part in fields(self.plot)}
        return {part: column for part, column in columns.items() if column is not None}
