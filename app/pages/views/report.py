"""A run's report as the page shows it: every part prepared once, in the state that the address asks for."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from urllib.parse import quote_plus

from analysis.coverage import Coverage
from analysis.diagnostic import Figure, FigureKind, Summary, Table
from analysis.report import own_summaries, summaries_of
from app.pages.views.column import ColumnView
from app.pages.views.layer import Curves, LayerView
from app.pages.views.pictures import View, view_table
from app.pages.views.state import State
from app.pages.views.tables import LayersView
from app.pages.views.whole import WholeView
from app.runs.memo import Memo
from frontend.rows import number, rows_at
from frontend.tables.columns import Place, places
from frontend.tables.grid import Grid, grid
from frontend.tables.layers import Layers, layers
from frontend.tables.swarm import Swarm, swarm
from frontend.verdict import Verdict, verdict

KEPT = 8  # grids and tables of layers, each of about 1 kB a weight


class OneCheckpoint:
    """The tables of the checkpoint at this place of the run, as every address of its page shows them.

    `whole` are those of all checkpoints; `tables` its own, in the network's order.
    """

    def __init__(self, whole: Sequence[Table], coverage: Coverage | None, position: int) -> None:
        self.whole, self.coverage, self.position = whole, coverage, position
        self._measured = [replace(table, rows=tuple(rows_at(table, position))) for table in whole]
        self.tables = [table.in_network_order() for table in self._measured]
        self._memo = Memo(KEPT)

    @cached_property
    def places(self) -> dict[str, Place]:
        return places(self.tables)

    @cached_property
    def own_summaries(self) -> Mapping[str, Summary]:
        """What each table says by itself."""
        return own_summaries(self._measured)

    @cached_property
    def summaries(self) -> Mapping[str, Summary]:
        """The same beside each other, with what was found about the files."""
        return summaries_of(self._measured, self.coverage, self.own_summaries)

    @cached_property
    def lead(self) -> Place | None:
        """The first column that has a usual range: what the swarm shows and the layers are ordered by."""
        return next((place for place in self.places.values() if place.column.usual), None)

    @cached_property
    def swarm(self) -> Swarm | None:
        return None if self.lead is None else swarm(self.lead.table, self.lead.column.name, self.position)

    def grid(self, place: Place) -> Grid:
        """One column by block and role."""
        return self._memo.make_once(("grid", place.key), lambda: grid(place.table, place.column.name, self.position))

    def layers(self, columns: Sequence[str], noted: Callable[[], Container[str]]) -> Layers:
        """Every layer with these columns, in the network's order; `noted` gives those with a finding in one of them."""
        return self._memo.make_once(
            ("layers", *columns), lambda: layers(self.tables, noted(), self.position, columns=columns)
        )


class ReportView(WholeView):
    """The parts of a report, each made when a template asks for it. The tables may still be growing.

    `column` is the card of one column, `table` the layers, `layer` the panel of one; the rest is of the whole model.
    """

    def __init__(self, one: OneCheckpoint, state: State, moving: bool, curves: Curves) -> None:
        super().__init__(one.whole, one.coverage, state, moving)
        self.one, self.curves, self.position = one, curves, one.position
        self.tables, self.places = one.tables, one.places
        self.column = ColumnView(self.tables, self.places, state, one.grid)
        self.table = LayersView(self.tables, state, lambda: one.own_summaries, one.lead, one.layers)

    @property
    def empty(self) -> bool:
        return not any(table.rows for table in self.tables)

    def at(self, weight: str) -> str:
        """The address of this page with another weight chosen; a grid has one for each."""
        before, after = self._around_weight
        return f"{before}{quote_plus(weight, errors='replace')}{after}"

    @cached_property
    def _around_weight(self) -> tuple[str, str]:
        before, name, after = self.link(weight="0").partition("weight=0")
        return before + name[:-1], after

    @cached_property
    def verdict(self) -> Verdict:
        return verdict(self.summaries)

    @property
    def summaries(self) -> Mapping[str, Summary]:
        return self.one.summaries

    @cached_property
    def sayings(self) -> list[tuple[str, str]]:
        """What each diagnostic says in a sentence, but for the first and the entries, whose sentences are above."""
        titles = {table.diagnostic.name: table.diagnostic.title for table in self.tables}
        names = [name for name in list(titles)[1:] if name != "entries"]
        return [(titles[name], self.summaries[name].headline) for name in names]

    @property
    def lead(self) -> Place | None:
        return self.one.lead

    @property
    def swarm(self) -> Swarm | None:
        return self.one.swarm

    @cached_property
    def comparisons(self) -> list[View]:
        """The declared figures of whole tables that are not pictures of one column."""
        return [
            view_table(self.state, table, figure, [figure.parts["x"], figure.parts["y"]])
            for table in self.tables
            for figure in table.diagnostic.figures
            if figure.kind is FigureKind.SCATTER and _has_both(table, figure)
        ]

    @cached_property
    def weight(self) -> str:
        """The chosen weight, or the one to look at first: that of the worst finding, once the run has ended."""
        names = [row.weight.name for table in self.tables for row in table.rows]
        if self.state.shown.weight in names:
            return self.state.shown.weight
        worst_name = next((f.weights[0] for f in self.verdict.findings if f.weights), None)
        return worst_name if worst_name and not self.moving else names[0]

    @cached_property
    def layer(self) -> LayerView:
        return LayerView(self.tables, self.weight, self.state, self.curves)


def _has_both(table: Table, figure: Figure) -> bool:
    return any(all(number(row, figure.parts[part]) is not None for part in "xy") for row in table.rows)
