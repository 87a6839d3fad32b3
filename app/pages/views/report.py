"""A run's report as the page shows it: every part prepared once, in the state that the address asks for."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import quote, urlencode

from analysis.coverage import Coverage
from analysis.diagnostic import Diagnostic, Figure, FigureKind, Row, Summary, Table
from analysis.report import summaries_of
from app.pages.views.filters import Filter
from app.pages.views.state import State
from app.pages.views.whole import WholeView, sort_link
from app.runs.reports import flagged_weights
from frontend.figures.views import view as view_of
from frontend.palette import Look, look, order
from frontend.rows import number, rows_at
from frontend.tables.columns import Place, group_places, pick_columns, place_named, places
from frontend.tables.grid import Grid
from frontend.tables.grid import grid as grid_of
from frontend.tables.layers import Layer, Layers
from frontend.tables.layers import layers as layers_of
from frontend.tables.panel import Panel
from frontend.tables.panel import panel as panel_of
from frontend.tables.swarm import Swarm
from frontend.tables.swarm import swarm as swarm_of
from frontend.verdict import Verdict
from frontend.verdict import verdict as verdict_of

VIEWS = {FigureKind.DEPTH: "By depth", FigureKind.FLOW: "In order", FigureKind.DISTRIBUTION: "By role"}
BY_ROLE = (FigureKind.FLOW, FigureKind.SCATTER)  # figures whose marks need a key of roles
Curves = Callable[[str], Container[tuple[str, str]]]  # of a weight: (diagnostic, name) of each curve there is


@dataclass(frozen=True, slots=True)
class View:
    """A figure on the page, and where its Plotly JSON is."""

    title: str
    caption: str
    kind: str
    url: str
    note: str = ""  # what of it is missing, and why
    tail: bool = False  # whether a fitted tail is drawn
    roles: tuple[Look, ...] = ()  # a key of roles


@dataclass(frozen=True, slots=True)
class Tab:
    title: str
    name: str
    url: str
    current: bool


class ReportView(WholeView):
    """The parts of a report, each made when a template asks for it. The tables may still be growing."""

    def __init__(
        self, tables: Sequence[Table], coverage: Coverage | None, state: State, moving: bool, curves: Curves
    ) -> None:
        super().__init__(tables, coverage, state, moving)
        self._curves = curves
        self.position = state.shown.position
        self.tables = [replace(table, rows=tuple(rows_at(table, self.position))) for table in tables]

    @property
    def empty(self) -> bool:
        return not any(table.rows for table in self.tables)

    def at(self, weight: str) -> str:
        return self.link(weight=weight)

    def sorted(self, name: str) -> str:
        return sort_link(self.state, self.sort, name)

    # --- the model as a whole ---

    @cached_property
    def verdict(self) -> Verdict:
        return verdict_of(self.summaries)

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        return summaries_of(self.tables, self.coverage)

    @cached_property
    def sayings(self) -> list[tuple[str, str]]:
        """What each diagnostic says in a sentence, but for the first and the entries, whose sentences are above."""
        titles = {table.diagnostic.name: table.diagnostic.title for table in self.tables}
        others = [name for name in list(titles)[1:] if name != "entries"]
        return [(titles[name], self.summaries[name].headline) for name in others]

    @cached_property
    def places(self) -> dict[str, Place]:
        return places(self.tables)

    @cached_property
    def main(self) -> Place | None:
        """The first column that has a healthy range: what the swarm shows and the layers are ordered by."""
        return next((place for place in self.places.values() if place.column.healthy), None)

    @cached_property
    def swarm(self) -> Swarm | None:
        return None if self.main is None else swarm_of(self.main.table, self.main.column.name, self.position)

    # --- a column of the whole model ---

    @cached_property
    def colors(self) -> list[tuple[str, list[Place]]]:
        """Every numeric column, by diagnostic."""
        return group_places([place for place in self.places.values() if place.numeric])

    @cached_property
    def color(self) -> Place:
        place = place_named(self.places, self.state.shown.color)
        return place if place is not None and place.numeric else pick_columns(self.tables)[0]

    @cached_property
    def grid(self) -> Grid:
        return grid_of(self.color.table, self.color.column.name, self.position)

    @cached_property
    def kind(self) -> FigureKind:
        """The picture beside the grid: by depth where there are blocks, unless another is asked for."""
        asked = next((kind for kind in VIEWS if kind == self.state.shown.view), FigureKind.DEPTH)
        return asked if self.grid.lines or asked is not FigureKind.DEPTH else FigureKind.FLOW

    @cached_property
    def tabs(self) -> list[Tab]:
        names = {kind: "" if kind is FigureKind.DEPTH else str(kind) for kind in VIEWS}
        kinds = [kind for kind in VIEWS if self.grid.lines or kind is not FigureKind.DEPTH]
        return [Tab(VIEWS[kind], names[kind], self.link(view=names[kind]), kind is self.kind) for kind in kinds]

    @cached_property
    def picture(self) -> View | None:
        """The chosen column, in the chosen kind of picture."""
        if not self.grid.lines and not self.grid.others:
            return None
        table, name = self.color.table, self.color.column.name
        return self._view(table, view_of(table.diagnostic, name, self.kind), [name])

    @cached_property
    def comparisons(self) -> list[View]:
        """The declared figures of whole tables that are not pictures of one column."""
        return [
            self._view(table, figure, [figure.parts["x"], figure.parts["y"]])
            for table in self.tables
            for figure in table.diagnostic.figures
            if figure.kind is FigureKind.SCATTER and _has_both(table, figure)
        ]

    def _view(self, table: Table, figure: Figure, columns: Sequence[str] = (), row: Row | None = None) -> View:
        """A figure; of the whole table with the roles that have values in these columns, or of one row."""
        query = {} if row is None else {"weight": row.weight.name}
        query |= {"position": str(self.position)} if self.position else {}
        url = figure_url(self.state.run, table, figure, query)
        keyed = figure.kind in BY_ROLE
        roles = {r.weight.role for r in table.rows if keyed and all(number(r, name) is not None for name in columns)}
        return View(
            figure.title, figure.caption, figure.kind, url,
            note="" if row is None else _missing(figure, row),
            tail=row is not None and "xmin" in figure.parts and row.value(figure.parts["xmin"]) is not None,
            roles=tuple(look(role) for role in sorted(roles, key=order)),
        )  # fmt: skip

    # --- layer by layer ---

    @cached_property
    def sort(self) -> str:
        return self.state.shown.sort or (f"-{self.main.key}" if self.main else "")

    @cached_property
    def layers(self) -> Layers:
        shown = [(p.table.diagnostic.name, p.column.name) for p in pick_columns(self.tables, self.state.shown.columns)]
        by_table = ((table, {name for of, name in shown if of == table.diagnostic.name}) for table in self.tables)
        noted = frozenset().union(*(flagged_weights(table, columns) for table, columns in by_table))
        return layers_of(self.tables, noted, self.position, self.sort, self.state.shown.columns)

    @property
    def chosen(self) -> bool:
        """Whether a reader chose columns: then all of them are shown, however narrow the screen."""
        return bool(self.state.shown.columns)

    @cached_property
    def choosable(self) -> list[tuple[str, list[tuple[Place, bool]]]]:
        """Every column that the table can show, by diagnostic, and whether it does."""
        shown = {place.key for place in pick_columns(self.tables, self.state.shown.columns)}
        groups = group_places(list(self.places.values()))
        return [(title, [(place, place.key in shown) for place in group]) for title, group in groups]

    @cached_property
    def _filter(self) -> Filter:
        return Filter(self.layers.rows, self.q, bool(self.show))

    def visible(self, row: Layer) -> bool:
        return self._filter.visible(row)

    @property
    def any_visible(self) -> bool:
        return self._filter.any_visible

    @property
    def count(self) -> str:
        return self._filter.count

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
    def _views(self) -> list[tuple[Table, Row, list[View]]]:
        """The chosen weight's row in each table, with its figures that can be drawn."""
        curves = self._curves(self.weight)
        rows = [(table, row) for table in self.tables for row in table.rows if row.weight.name == self.weight]
        return [
            (table, row, [
                self._view(table, figure, row=row)
                for figure in table.diagnostic.figures
                if figure.per_weight and is_measured(row) and _drawable(table, figure, row, curves)
            ])
            for table, row in rows
        ]  # fmt: skip

    @cached_property
    def views(self) -> list[tuple[Diagnostic, list[View]]]:
        """The figures of the chosen weight, by diagnostic."""
        return [(table.diagnostic, views) for table, _, views in self._views if views]

    @cached_property
    def notes(self) -> list[str]:
        """What the chosen weight's rows note, but for what a figure says already."""
        found = [row.measurement.note for _, row, views in self._views if not any(view.note for view in views)]
        return list(dict.fromkeys(note for note in found if note))


def figure_url(run: int, table: Table, figure: Figure, query: Mapping[str, str]) -> str:
    """Where a figure's Plotly JSON is."""
    path = f"/api/v1/runs/{run}/figures/{quote(table.diagnostic.name)}/{quote(figure.name)}"
    return path + (f"?{urlencode(query, errors='replace')}" if query else "")


def is_measured(row: Row) -> bool:
    return any(value is not None for value in row.measurement.values.values())


def _drawable(table: Table, figure: Figure, row: Row, curves: Container[tuple[str, str]]) -> bool:
    """Whether a figure's curve is there, and the point that it marks: without a fit there is no cut-off to judge."""
    marks = [name for part, name in figure.parts.items() if part in ("x0", "y0")]
    lines = [name for part, name in figure.parts.items() if part in ("x", "y", "values")]
    there = all((table.diagnostic.name, name) in curves for name in lines)
    return there and all(row.value(name) is not None for name in marks)


def _missing(figure: Figure, row: Row) -> str:
    """The row's note where a part of the figure has no value."""
    absent = any(name in row.measurement.values and row.value(name) is None for name in figure.parts.values())
    return row.measurement.note or "" if absent else ""


def _has_both(table: Table, figure: Figure) -> bool:
    return any(all(number(row, figure.parts[part]) is not None for part in "xy") for row in table.rows)
