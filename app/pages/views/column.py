"""One column of the whole model: by block and role, and the picture next to it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from analysis.diagnostic import FigureKind, Table
from app.pages.views.pictures import VIEWS, Tab, View, view_table
from app.pages.views.state import State
from frontend.figures.views import view
from frontend.tables.columns import Place, group_places, pick_columns, place_named
from frontend.tables.grid import Grid


class ColumnView:
    """The chosen column, in the chosen kind of picture."""

    def __init__(
        self, tables: Sequence[Table], places: Mapping[str, Place], state: State, make_grid: Callable[[Place], Grid]
    ) -> None:
        self.tables, self.places, self.state, self._make_grid = tables, places, state, make_grid

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
        return self._make_grid(self.color)

    @cached_property
    def kind(self) -> FigureKind:
        """The picture next to the grid: by depth where there are blocks, unless another is asked for."""
        choice = next((kind for kind in VIEWS if kind == self.state.shown.view), FigureKind.DEPTH)
        return choice if self.grid.lines or choice is not FigureKind.DEPTH else FigureKind.FLOW

    @cached_property
    def tabs(self) -> list[Tab]:
        names = {kind: "" if kind is FigureKind.DEPTH else str(kind) for kind in VIEWS}
        kinds = [kind for kind in VIEWS if self.grid.lines or kind is not FigureKind.DEPTH]
        return [Tab(VIEWS[kind], names[kind], self.state.link(view=names[kind]), kind is self.kind) for kind in kinds]

    @cached_property
    def picture(self) -> View | None:
        """None where no matrix has the column's value."""
        if not self.grid.lines and not self.grid.others:
            return None
        table, name = self.color.table, self.color.column.name
        return view_table(self.state, table, view(table.diagnostic, name, self.kind), [name])
