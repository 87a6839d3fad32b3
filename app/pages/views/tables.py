"""The long table of a report: its rows, which of them are visible, its order and the columns to choose from."""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import cached_property

from analysis.diagnostic import Summary, Table
from app.pages.views.filters import Filter
from app.pages.views.state import State
from app.runs.reports import flagged_weights
from frontend.tables.columns import Place, group_places, pick_columns, places
from frontend.tables.layers import Layer, Layers
from frontend.tables.matrices import Matrices, choose_columns, keys, matrices

Own = Callable[[], Mapping[str, Summary]]  # each table's own summary, by diagnostic
MakeLayers = Callable[[Sequence[str], Callable[[], Container[str]]], Layers]
LONG, FIRST = 150, 60  # rows from which a page holds the first of them only, and how many those are


class TableView:
    """What a table of layers and one of matrices have in common."""

    def __init__(self, tables: Sequence[Table], state: State, own: Own) -> None:
        self.tables, self.state, self._own = tables, state, own

    @property
    def sort(self) -> str:
        """The key of the rows' order, with a minus where the largest come first."""
        raise NotImplementedError

    @property
    def rows(self) -> Sequence[Layer]:
        raise NotImplementedError

    def pick(self) -> list[Place]:
        """The columns of the table."""
        raise NotImplementedError

    @property
    def chosen(self) -> bool:
        """Whether a reader chose columns: then all of them are shown, however narrow the screen."""
        return bool(self.state.shown.columns)

    def heading_link(self, name: str) -> str:
        """The address that a heading leads to: the largest first, and the other way round from there."""
        down = self.sort == name if name == "layer" else self.sort != f"-{name}"
        return self.state.link(sort=f"-{name}" if down else name)

    @cached_property
    def choosable(self) -> list[tuple[str, list[tuple[Place, bool]]]]:
        """Every column that the table can show, by diagnostic, and whether it does."""
        keys = {place.key for place in self.pick()}
        groups = group_places(list(places(self.tables).values()))
        return [(title, [(place, place.key in keys) for place in group]) for title, group in groups]

    @cached_property
    def noted(self) -> frozenset[str]:
        """The weights with a finding in a column of the table."""
        columns = [(place.table.diagnostic.name, place.column.name) for place in self.pick()]
        names = [{name for diagnostic, name in columns if diagnostic == table.diagnostic.name} for table in self.tables]
        own = [self._own()[table.diagnostic.name] for table in self.tables]
        return frozenset[str]().union(*map(flagged_weights, self.tables, names, own))

    @cached_property
    def filter(self) -> Filter:
        return Filter(self.rows, self.state.shown.q, bool(self.state.shown.show))


class LayersView(TableView):
    """The layers of one checkpoint. `lead` is the column that orders them where no order is asked for.

    `make` gives them in the network's order, from the columns and those with a finding.
    """

    def __init__(self, tables: Sequence[Table], state: State, own: Own, lead: Place | None, make: MakeLayers) -> None:
        super().__init__(tables, state, own)
        self.lead, self._make = lead, make

    def pick(self) -> list[Place]:
        return pick_columns(self.tables, self.state.shown.columns)

    @cached_property
    def sort(self) -> str:
        return self.state.shown.sort or (f"-{self.lead.key}" if self.lead else "")

    @cached_property
    def layers(self) -> Layers:
        return self._make(self.state.shown.columns, lambda: self.noted).in_order(self.sort)

    @property
    def rows(self) -> Sequence[Layer]:
        return self.layers.rows

    @cached_property
    def first_rows(self) -> Sequence[Layer]:
        """What the page itself holds: every row, or of a long table the first that the filter lets through."""
        if len(self.rows) < LONG or self.state.shown.rows == "all":
            return self.rows
        return [row for row in self.rows if self.filter.visible(row)][:FIRST]

    @property
    def left_out(self) -> int:
        """How many more rows the filter lets through."""
        return sum(map(self.filter.visible, self.rows)) - sum(map(self.filter.visible, self.first_rows))

    @property
    def rows_address(self) -> str:
        """Where a page that holds the first rows only gets all of them; "" where it has them."""
        if self.first_rows is self.rows:
            return ""
        path, mark, query = self.state.link(rows="", weight="", sort="", q="", show="").partition("?")
        return f"{path}/rows{mark}{query}"


class MatricesView(TableView):
    """The compared matrices. `position` is the tuned checkpoint that orders them where no order is asked for."""

    def __init__(self, tables: Sequence[Table], state: State, own: Own, position: int) -> None:
        super().__init__(tables, state, own)
        self.position = position

    def pick(self) -> list[Place]:
        return choose_columns(self.tables, self.state.shown.columns)

    @cached_property
    def sort(self) -> str:
        """The requested order; else the first quantity of the tuned checkpoint that is looked at."""
        choices = keys(self.tables, self.state.shown.columns)
        own = [key for key in choices if key.endswith(f".{self.position}")]
        return self.state.shown.sort or next((f"-{key}" for key in [*own, *choices]), "")

    @cached_property
    def matrices(self) -> Matrices:
        return matrices(self.tables, self.noted, self.sort, self.state.shown.columns)

    @property
    def rows(self) -> Sequence[Layer]:
        return self.matrices.rows
