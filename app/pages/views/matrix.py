"""One matrix of a comparison: its directions one by one, its spectra, and all numbers of every tuned checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from analysis.diagnostic import Column, Figure, FigureKind, Row, Scope, Table
from app.pages.views.pictures import View, figure_url
from app.pages.views.state import State
from frontend import numbers
from frontend.compared import Compared, style_of
from frontend.figures.match import sentence
from frontend.rows import number
from frontend.tables.columns import Place
from frontend.tables.contrast import Heading, heading

OVERLAID = (FigureKind.RANKS, FigureKind.SPECTRA)


@dataclass(frozen=True, slots=True)
class Choice:
    """A tuned checkpoint to look at, and the address that does."""

    look: Compared
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Sliders:
    """What the page moves without a new run: how many directions count, and the best match below which they do."""

    k: int
    epsilon: float
    run_k: int
    run_epsilon: float
    curves: str  # where the best matches of all matrices are


@dataclass(frozen=True, slots=True)
class Numbers:
    """All values of one diagnostic on the matrix, a column for each group."""

    title: str
    headings: list[Heading]
    lines: list[tuple[Column, str, list[str]]]  # column, its name in the glossary, values


class MatrixView:
    """The chosen matrix, in the chosen tuned checkpoint."""

    def __init__(self, tables: Sequence[Table], state: State, count: Place | None) -> None:
        self.tables, self.state, self._count = tables, state, count
        self.pairs = [table for table in tables if table.diagnostic.scope is Scope.PAIR]
        self._rows = [row for table in self.pairs for row in table.rows]

    # --- which ---

    @cached_property
    def weight(self) -> str:
        """The one asked for; else the one with the most of what is counted."""
        name = self.state.shown.weight
        if any(row.weight.name == name for row in self._rows):
            return name
        first = self._largest_row or next(iter(self._rows), None)
        return first.weight.name if first else ""

    @cached_property
    def position(self) -> int:
        """The tuned checkpoint asked for; else the one with the most of what is counted."""
        choice = self.state.shown.position
        return choice or (self._largest_row.group[-1] if self._largest_row else 1)

    @cached_property
    def totals(self) -> dict[int, float]:
        """What is counted, in all matrices of each tuned checkpoint."""
        sums: dict[int, float] = {}
        if self._count is not None:
            for row in self._count.table.rows:
                sums[row.group[-1]] = sums.get(row.group[-1], 0.0) + (number(row, self._count.column.name) or 0.0)
        return sums

    @cached_property
    def _largest_row(self) -> Row | None:
        """The row with the largest count, in the chosen tuned checkpoint or in that with the largest total."""
        if self._count is None:
            return None
        choice, name = self.state.shown.position, self._count.column.name
        position = choice if choice in self.totals else max(self.totals, key=lambda one: self.totals[one], default=0)
        own = [row for row in self._count.table.rows if row.group[-1] == position and number(row, name) is not None]
        return max(own, key=lambda row: number(row, name) or 0.0, default=None)

    @cached_property
    def label(self) -> str:
        return next((row.weight.label for row in self._rows if row.weight.name == self.weight), self.weight)

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        """Every compared matrix: its raw name and its label."""
        return list({row.weight.name: row.weight.label for row in self._rows}.items())

    @cached_property
    def segments(self) -> list[Choice]:
        names = self.tables[0].names
        looks = [style_of(name, position) for position, name in enumerate(names)][1:]
        return [Choice(look, self._address_at(look.position), look.position == self.position) for look in looks]

    def _address_at(self, position: int) -> str:
        return self.state.link(position=position, weight=self.weight)

    @property
    def look(self) -> Compared:
        return style_of(self.tables[0].name_at(self.position), self.position)

    # --- its directions ---

    @cached_property
    def _match(self) -> tuple[Table, Figure] | None:
        return next(((t, f) for t in self.pairs for f in t.diagnostic.figures if f.kind is FigureKind.MATCH), None)

    @cached_property
    def match(self) -> View | None:
        if self._match is None or not self._match[0].rows:
            return None
        return self._view(*self._match, weight=self.weight, position=str(self.position))

    @cached_property
    def sliders(self) -> Sliders | None:
        """None while the run has looked at no directions yet."""
        if self._match is None:
            return None
        table, figure = self._match
        # a small matrix has fewer directions than the run looked at
        row = max(table.rows, key=lambda row: number(row, figure.parts["k"]) or 0, default=None)
        if row is None or not number(row, figure.parts["k"]):
            return None
        k, epsilon = int(number(row, figure.parts["k"]) or 1), number(row, figure.parts["epsilon"]) or 0.0
        settings, name = self.state.shown, quote(table.diagnostic.name)
        curves = f"/api/v1/runs/{self.state.run}/curves/{name}/{quote(figure.parts['best'])}"
        return Sliders(settings.k or k, epsilon if settings.epsilon is None else settings.epsilon, k, epsilon, curves)

    @cached_property
    def sentence(self) -> str:
        """The sentence above the directions, at the run's own k and ε."""
        if self._count is None or self.sliders is None:
            return ""
        rows = self._count.table.rows
        row = next((r for r in rows if r.weight.name == self.weight and r.group == (0, self.position)), None)
        value = None if row is None else number(row, self._count.column.name)
        if row is None or value is None:
            return (row.reason if row else "") or "This matrix was not compared"
        k, rank = number(row, "k") or self.sliders.run_k, number(row, "first_rank")
        label, name = row.weight.label, self.look.name
        return sentence(int(value), int(k), None if rank is None else int(rank), label, name)

    # --- its spectra and numbers ---

    @cached_property
    def overlaid(self) -> list[View]:
        """The figures with a line for each checkpoint."""
        return [
            self._view(table, figure, weight=self.weight)
            for table in self.tables
            for figure in table.diagnostic.figures
            if figure.kind in OVERLAID and any(row.weight.name == self.weight for row in table.rows)
        ]

    @cached_property
    def everything(self) -> list[Numbers]:
        return [item for table in self.tables if (item := self._numbers(table)).headings]

    def _numbers(self, table: Table) -> Numbers:
        rows = [row for row in table.rows if row.weight.name == self.weight]
        columns = [column for column in table.diagnostic.columns if column.kind != "curve"]
        lines = [
            (c, f"{table.diagnostic.name}.{c.name}", [numbers.short(row.value(c.name), 4) for row in rows])
            for c in columns
        ]
        return Numbers(table.diagnostic.title, [heading(table, row.group) for row in rows], lines)

    def _view(self, table: Table, figure: Figure, **query: str) -> View:
        return View(figure.title, figure.caption, figure.kind, figure_url(self.state.run, table, figure, query))
