"""Where in the network: a column by block and role for each tuned checkpoint, or for each two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.diagnostic import Figure, FigureKind, Table
from app.pages.views.pictures import VIEWS, Tab, View, figure_url
from app.pages.views.state import State
from frontend.compared import groups_in
from frontend.figures.views import view
from frontend.palette import Look, look, order
from frontend.tables.columns import Place, group_places, pick_columns, place_named, places
from frontend.tables.contrast import Heading, heading
from frontend.tables.grid import Counts, Grid, counts, grid

BESIDE = 12  # blocks up to which three grids stand beside each other; up to twice as many two do


@dataclass(frozen=True, slots=True)
class Cells:
    """The grid of one group of checkpoints: of counts, or of a column's values."""

    heading: Heading
    counts: Counts | None
    grid: Grid | None

    @property
    def depths(self) -> list[int]:
        return (self.counts or self.grid or Counts(0, [], [], [], False)).depths


def counted_column(pairs: Sequence[Table]) -> Place | None:
    """The column that a figure of directions counts: that of the same diagnostic's map."""
    for table in pairs:
        figures = table.diagnostic.figures
        maps = [figure.parts["color"] for figure in figures if figure.kind is FigureKind.HEATMAP]
        if maps and any(figure.kind is FigureKind.MATCH for figure in figures):
            return place_named(places([table]), f"{table.diagnostic.name}.{maps[0]}")
    return None


class CellsView:
    """The card of cells, in the column and the picture that the address asks for."""

    def __init__(self, tables: Sequence[Table], state: State, count: Place | None) -> None:
        self.tables, self.state, self._count = tables, state, count
        self.form_fields = state.form_fields

    @cached_property
    def colors(self) -> list[tuple[str, list[Place]]]:
        """Every numeric column, by diagnostic."""
        return group_places([place for place in places(self.tables).values() if place.numeric])

    @cached_property
    def color(self) -> Place:
        """What was asked for; else what is counted; else the first that is to be seen."""
        choices = places(self.tables)
        place = place_named(choices, self.state.shown.color)
        if place is not None and place.numeric:
            return place
        name = "" if self._count is None else f"{self._count.table.diagnostic.name}.{self._count.column.name}"
        return place_named(choices, name) or pick_columns(self.tables)[0]

    @property
    def counting(self) -> bool:
        """Whether the cells show what is counted, so that they follow k and ε."""
        return self._count is not None and self.color.column is self._count.column

    @cached_property
    def cells(self) -> list[Cells]:
        table, name = self.color.table, self.color.column.name
        return [
            Cells(heading(table, group), counts(table, name, group), None)
            if self.counting
            else Cells(heading(table, group), None, grid(table, name, group))
            for group in groups_in(table)
        ]

    @property
    def grid_columns(self) -> int:
        """How many grids stand beside each other."""
        widest = max((len(one.depths) for one in self.cells), default=0)
        return 1 if widest > 2 * BESIDE else 2 if widest > BESIDE else min(3, max(2, len(self.cells)))

    @cached_property
    def kind(self) -> FigureKind | None:
        """The kind of picture that was asked for; None: cells."""
        return next((kind for kind in VIEWS if kind == self.state.shown.view), None)

    @cached_property
    def tabs(self) -> list[Tab]:
        first = Tab("Cells", "", self.state.link(view=""), self.kind is None)
        return [first, *(Tab(VIEWS[k], str(k), self.state.link(view=str(k)), k is self.kind) for k in VIEWS)]

    @cached_property
    def pictures(self) -> list[tuple[Heading, View]]:
        """The chosen column in the chosen kind of picture, for each group."""
        if self.kind is None:
            return []
        table = self.color.table
        figure = view(table.diagnostic, self.color.column.name, self.kind)
        return [(heading(table, group), self._view(table, figure, group)) for group in groups_in(table)]

    def _view(self, table: Table, figure: Figure, group: tuple[int, ...]) -> View:
        url = figure_url(self.state.run, table, figure, {"group": ",".join(map(str, group))})
        return View(figure.title, figure.caption, figure.kind, url)

    @cached_property
    def roles(self) -> list[Look]:
        return [look(role) for role in sorted({row.weight.role for row in self.color.table.rows}, key=order)]
