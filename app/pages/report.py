"""A run's report as the page shows it: every part prepared once, in the state that the address asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import quote, urlencode

from analysis.diagnostic import Column, Figure, FigureKind, Row, Table
from analysis.report import Coverage, Skipped
from app.pages.state import State
from app.reports import flagged
from frontend import numbers
from frontend.grid import Grid
from frontend.grid import grid as grid_of
from frontend.layers import Layer, Layers, picked
from frontend.layers import layers as layers_of
from frontend.panel import Panel
from frontend.panel import panel as panel_of
from frontend.shapes import rows_at
from frontend.swarm import Swarm
from frontend.swarm import swarm as swarm_of
from frontend.verdict import Verdict
from frontend.verdict import verdict as verdict_of

LISTED = 300  # tensors that were left out, listed on the page; the export has all


@dataclass(frozen=True, slots=True)
class Export:
    title: str
    url: str
    words: str


@dataclass(frozen=True, slots=True)
class View:
    """A figure on the page, and where its Plotly JSON is."""

    title: str
    caption: str
    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class CoverageView:
    analysed: int
    tensors: int
    width: float  # percent
    share: str
    reasons: str
    skipped: Sequence[Skipped]
    more: int


class ReportView:
    """The parts of a report, each made when a template asks for it. The tables may still be growing."""

    def __init__(self, tables: Sequence[Table], covered: Coverage | None, state: State, moving: bool) -> None:
        self.whole, self.covered, self.state, self.moving = tables, covered, state, moving
        self.position = state.shown.position
        self.q, self.show = state.shown.q, state.shown.show
        self.link, self.kept = state.link, state.kept
        self.tables = [replace(table, rows=tuple(rows_at(table, self.position))) for table in tables]

    @property
    def empty(self) -> bool:
        return not any(table.rows for table in self.tables)

    def at(self, weight: str) -> str:
        return self.link(weight=weight)

    def sorted(self, name: str) -> str:
        """The address that a heading leads to: the largest first, and the other way round from there."""
        down = self.sort == name if name == "layer" else self.sort != f"-{name}"
        return self.link(sort=f"-{name}" if down else name)

    # --- the model as a whole ---

    @cached_property
    def coverage(self) -> CoverageView:
        assert self.covered is not None
        found = self.covered
        reasons = [f"{count} × {reason}" for reason, count in found.reasons()]
        shown = reasons if len(reasons) < 5 else [*reasons[:3], f"{len(reasons) - 3} other reasons"]
        return CoverageView(
            analysed=found.analysed,
            tensors=found.tensors,
            width=round(100 * found.analysed / max(1, found.tensors), 1),
            share=numbers.percent(found.analysed_parameters, found.parameters),
            reasons="; ".join(shown),
            skipped=found.skipped[:LISTED],
            more=max(0, len(found.skipped) - LISTED),
        )

    @cached_property
    def verdict(self) -> Verdict:
        return verdict_of({table.diagnostic.name: table.diagnostic.summarise(table) for table in self.tables})

    @cached_property
    def main(self) -> Column | None:
        """The first column that has a healthy range: what the swarm shows and the layers are ordered by."""
        columns = (column for table in self.tables for column in table.diagnostic.columns)
        return next((column for column in columns if column.healthy), None)

    @cached_property
    def swarm(self) -> Swarm | None:
        return None if self.main is None else swarm_of(self._holding(self.main.name), self.main.name, self.position)

    def _holding(self, column: str) -> Table:
        return next(t for t in self.tables if any(c.name == column for c in t.diagnostic.columns))

    # --- by block and role ---

    @cached_property
    def colors(self) -> list[Column]:
        return [column for _, column in picked(self.tables)]

    @cached_property
    def color(self) -> str:
        names = [column.name for column in self.colors]
        return self.state.shown.color if self.state.shown.color in names else names[0]

    @property
    def color_title(self) -> str:
        return next(column.title for column in self.colors if column.name == self.color)

    @cached_property
    def grid(self) -> Grid:
        return grid_of(self._holding(self.color), self.color, self.position)

    @cached_property
    def depth(self) -> View | None:
        """The figure by depth of the column that colours the grid, or else the first there is."""
        found = [(t, f) for t in self.tables for f in t.diagnostic.figures if f.kind is FigureKind.DEPTH]
        found.sort(key=lambda pair: pair[1].parts["y"] != self.color)
        return self._view(*found[0]) if found and self.grid.lines else None

    def _view(self, table: Table, figure: Figure, **more: str) -> View:
        query = {**more, **({"position": str(self.position)} if self.position else {})}
        path = f"/api/v1/runs/{self.state.run}/figures/{quote(table.diagnostic.name)}/{quote(figure.name)}"
        url = path + (f"?{urlencode(query, errors='replace')}" if query else "")
        return View(figure.title, figure.caption, figure.kind, url)

    # --- layer by layer ---

    @cached_property
    def sort(self) -> str:
        return self.state.shown.sort or (f"-{self.main.name}" if self.main else "")

    @cached_property
    def layers(self) -> Layers:
        noted = frozenset().union(*(flagged(table) for table in self.tables))
        return layers_of(self.tables, noted, self.position, self.sort)

    def visible(self, row: Layer) -> bool:
        return self.q.strip().lower() in row.search and (not self.show or row.flagged)

    @property
    def any_visible(self) -> bool:
        return any(map(self.visible, self.layers.rows))

    @property
    def count(self) -> str:
        rows = self.layers.rows
        seen = sum(map(self.visible, rows))
        return (f"{seen} of " if seen < len(rows) else "") + numbers.plural(len(rows), "matrix", "matrices")

    @cached_property
    def weight(self) -> str:
        """The chosen weight, or the one to look at first: that of the worst finding, once the run has ended."""
        names = [row.weight.name for table in self.tables for row in table.rows]
        if self.state.shown.weight in names:
            return self.state.shown.weight
        worst = next((f.weights[0] for f in self.verdict.findings if f.weights), None)
        return worst if worst and not self.moving else names[0]

    @cached_property
    def panel(self) -> Panel:
        return panel_of(self.tables, self.weight, self.position)

    @cached_property
    def views(self) -> list[View]:
        """The figures of the chosen weight, of the tables that have values for it."""
        return [
            self._view(table, figure, weight=self.weight)
            for table in self.tables
            for row in table.rows
            if row.weight.name == self.weight and measured(row)
            for figure in table.diagnostic.figures
            if figure.per_weight and _drawable(figure, row)
        ]

    @cached_property
    def exports(self) -> list[Export]:
        return [
            Export(
                table.diagnostic.title,
                f"/api/v1/runs/{self.state.run}/tables/{quote(table.diagnostic.name)}.csv",
                f"{numbers.plural(len(table.rows), 'row')}, exact values",
            )
            for table in self.whole
        ]


def measured(row: Row) -> bool:
    return any(value is not None for value in row.measurement.values.values())


def _drawable(figure: Figure, row: Row) -> bool:
    """Whether the point that a figure marks is there: without a fit there is no cut-off to judge."""
    marks = [name for part, name in figure.parts.items() if part in ("x0", "y0")]
    return all(row.value(name) is not None for name in marks)
