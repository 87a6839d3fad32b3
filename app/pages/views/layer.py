"""One layer of a report: its panel, its figures and its notes."""

from collections.abc import Callable, Container, Sequence
from functools import cached_property
from urllib.parse import urlencode

from analysis.diagnostic import Diagnostic, Figure, Row, Table
from analysis.weight import WeightInfo
from app.pages.views.pictures import View, view_row
from app.pages.views.state import State
from frontend.tables.panel import Panel, panel

Curves = Callable[[WeightInfo], Container[tuple[str, str]]]  # of a weight: (diagnostic, name) of each curve there is


def layer_address(run: int, weight: str, position: int = 0) -> str:
    """Where the page of a layer is."""
    query = {"weight": weight} | ({"position": str(position)} if position else {})
    return f"/runs/{run}/layers?{urlencode(query, errors='replace')}"


class LayerView:
    """The layer of one weight, in every table that has it."""

    def __init__(self, tables: Sequence[Table], weight: str, state: State, curves: Curves) -> None:
        self.tables, self.weight, self.state, self._curves = tables, weight, state, curves

    @cached_property
    def panel(self) -> Panel:
        return panel(self.tables, self.weight, self.state.shown.position)

    @property
    def page(self) -> str:
        """The address of the layer's own page."""
        return layer_address(self.state.run, self.weight, self.state.shown.position)

    @cached_property
    def _rows(self) -> list[tuple[Table, Row, list[View]]]:
        """The weight's row in each table, with its figures that can be drawn."""
        rows = [(table, row) for table in self.tables for row in table.rows if row.weight.name == self.weight]
        curves = self._curves(rows[0][1].weight) if rows else ()
        return [
            (table, row, [
                view_row(self.state, table, figure, row)
                for figure in table.diagnostic.figures
                if figure.per_weight and is_measured(row) and is_drawable(table, figure, row, curves)
            ])
            for table, row in rows
        ]  # fmt: skip

    @cached_property
    def views(self) -> list[tuple[Diagnostic, list[View]]]:
        """The figures of the weight, by diagnostic."""
        return [(table.diagnostic, views) for table, _, views in self._rows if views]

    @cached_property
    def notes(self) -> list[str]:
        """What the weight's rows note, but for what a figure says already."""
        notes = [row.reason for _, row, views in self._rows if not any(view.note for view in views)]
        return list(dict.fromkeys(note for note in notes if note))


def is_measured(row: Row) -> bool:
    return any(value is not None for value in row.measurement.values.values())


def is_drawable(table: Table, figure: Figure, row: Row, curves: Container[tuple[str, str]]) -> bool:
    """Whether a figure's curve is there, and the point that it marks: without a fit there is no cut-off to judge."""
    marks = [name for part, name in figure.parts.items() if part in ("x0", "y0")]
    lines = [name for part, name in figure.parts.items() if part in ("x", "y", "values")]
    has_lines = all((table.diagnostic.name, name) in curves for name in lines)
    return has_lines and all(row.value(name) is not None for name in marks)
