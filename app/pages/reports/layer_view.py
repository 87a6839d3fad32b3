"""The page of one layer: all of its numbers beside those of its role, its neighbours, and itself in other reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.diagnostic import Column, Finding, Row, Table
from analysis.facts import series_steps
from analysis.weight import WeightInfo
from app.models import Check
from app.pages.views.layer import LayerView, layer_address
from app.pages.views.report import ReportView
from app.runs.elsewhere import Seen
from frontend import numbers, states
from frontend.numbers import minus, short
from frontend.palette import Look, look
from frontend.rows import number
from frontend.tables.columns import Place, pick_columns
from frontend.tables.trend import Point, Trend, trend

FEW = 4  # columns of neighbours and other reports
MARKS = {"low": "▼", "high": "▲", "": ""}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of the layer: its value, its usual range, and where it stands among the layers of its role."""

    column: Column
    term: str  # its name in the glossary
    value: str
    exact: str
    mark: str
    usual: str
    among: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A layer of the same role."""

    label: str
    name: str
    url: str
    current: bool
    values: tuple[tuple[str, str], ...]  # text and mark


@dataclass(frozen=True, slots=True)
class Other:
    """The same weight in another report."""

    name: str
    step: str
    url: str
    current: bool
    values: tuple[tuple[str, str], ...]  # text, and its difference to this report's


@dataclass(frozen=True, slots=True)
class CheckLine:
    column: Column
    term: str  # its name in the glossary
    run: str  # as the run measured it
    ours: str  # under WeightWatcher's settings
    theirs: str
    look: states.Look | None


class LayerPage:
    """The chosen weight in a report. `seen` is where else it was measured, this report among them."""

    def __init__(self, report: ReportView, weight: str, seen: Sequence[Seen], check: Check | None) -> None:
        self.report, self.weight, self._seen, self._check = report, weight, seen, check
        self.state, self.tables = report.state, report.tables
        self.run, self.position = report.state.run, report.state.shown.position
        self.layer = LayerView(report.tables, weight, report.state, report.curves)
        self.panel = self.layer.panel

    @cached_property
    def rows(self) -> dict[str, tuple[Table, Row]]:
        """The weight's row in each table that has it."""
        found = [(table, row) for table in self.tables for row in table.rows if row.weight.name == self.weight]
        return {table.diagnostic.name: (table, row) for table, row in found}

    @property
    def info(self) -> WeightInfo:
        return next(iter(self.rows.values()))[1].weight

    @property
    def look(self) -> Look:
        return look(self.info.role)

    @cached_property
    def findings(self) -> list[Finding]:
        """Those that name the layer, worst first; of those on its whole block, the part that is its own."""
        own = [finding for finding in self.report.verdict.findings if self.weight in finding.weights]
        return [part for each in own for part in each.parts or (each,) if self.weight in part.weights]

    # --- its numbers ---

    @cached_property
    def quantities(self) -> list[tuple[str, list[Quantity]]]:
        """Every scalar column by the title of its diagnostic."""
        return [
            (table.diagnostic.title, [
                self._quantity(table, row, column) for column in table.diagnostic.columns if column.kind != "curve"
            ])
            for table, row in self.rows.values()
        ]  # fmt: skip

    def _quantity(self, table: Table, row: Row, column: Column) -> Quantity:
        value = row.value(column.name)
        usual = "" if column.usual is None else "{:g} to {:g}".format(*column.usual)
        term, among = f"{table.diagnostic.name}.{column.name}", self._among(table, row, column)
        return Quantity(column, term, short(value, 4), str(value), mark(column, row), usual, among)

    def _among(self, table: Table, row: Row, column: Column) -> str:
        """Its rank among the layers of its role, the largest first."""
        own = number(row, column.name)
        values = [number(other, column.name) for other in table.rows if other.weight.role == row.weight.role]
        known = [value for value in values if value is not None]
        if own is None or len(known) < 2:
            return ""
        return f"{1 + sum(value > own for value in known)} of {len(known)}"

    # --- its neighbours ---

    @cached_property
    def columns(self) -> list[Place]:
        """The few columns that neighbours and other reports are compared in."""
        return pick_columns(self.tables, self.state.shown.columns)[:FEW]

    @cached_property
    def neighbours(self) -> list[Neighbour]:
        """The layers of the same role in the network's order, this one among them."""
        by_name: dict[str, dict[str, Row]] = {}
        for table in self.tables:
            for row in table.rows:
                if row.weight.role == self.info.role:
                    by_name.setdefault(row.weight.name, {})[table.diagnostic.name] = row
        return [self._neighbour(name, rows) for name, rows in by_name.items()]

    def _neighbour(self, name: str, rows: dict[str, Row]) -> Neighbour:
        values = []
        for place in self.columns:
            row = rows.get(place.table.diagnostic.name)
            text = numbers.ABSENT if row is None else short(row.value(place.column.name))
            values.append((text, "" if row is None else mark(place.column, row)))
        label = next(iter(rows.values())).weight.label
        return Neighbour(label, name, layer_address(self.run, name, self.position), name == self.weight, tuple(values))

    @cached_property
    def before_and_after(self) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
        """The layers next to it in the network: label and address."""
        rows = next(iter(self.rows.values()))[0].rows
        names = list(dict.fromkeys((row.weight.name, row.weight.label) for row in rows))
        at = next(index for index, (name, _) in enumerate(names) if name == self.weight)
        return self._step(names, at - 1), self._step(names, at + 1)

    def _step(self, names: Sequence[tuple[str, str]], at: int) -> tuple[str, str] | None:
        if not 0 <= at < len(names):
            return None
        return names[at][1], layer_address(self.run, names[at][0], self.position)

    @cached_property
    def by_depth(self) -> Trend | None:
        """The first column over the blocks, for the layers of its role."""
        place = self.columns[0]
        rows = [row for row in place.table.rows if row.weight.role == self.info.role and row.weight.depth is not None]
        pairs = [(row, number(row, place.column.name)) for row in rows]
        points = [
            Point(
                float(row.weight.depth or 0),
                value,
                row.weight.label,
                layer_address(self.run, row.weight.name, self.position),
                row.weight.name == self.weight,
            )
            for row, value in pairs
            if value is not None
        ]
        return trend(place.column, sorted(points, key=lambda point: point.x), "layers of this role", "block")

    # --- itself elsewhere ---

    @cached_property
    def others(self) -> list[Other]:
        return [self._other(seen) for seen in self._seen]

    def _other(self, seen: Seen) -> Other:
        current = (seen.run, seen.position) == (self.run, self.position)
        step = seen.step
        return Other(
            name=seen.checkpoint.name,
            step="" if step is None else numbers.setting(step),
            url=layer_address(seen.run, self.weight, seen.position),
            current=current,
            values=tuple(self._difference(place, seen, current) for place in self.columns),
        )

    def _difference(self, place: Place, seen: Seen, current: bool) -> tuple[str, str]:
        row, own = seen.rows.get(place.table.diagnostic.name), self.rows.get(place.table.diagnostic.name)
        if row is None:
            return numbers.ABSENT, ""
        value = number(row, place.column.name)
        here = None if own is None else number(own[1], place.column.name)
        if current or value is None or here is None or not place.numeric:
            return short(row.value(place.column.name)), ""
        return short(row.value(place.column.name)), signed(value - here)

    @cached_property
    def steps(self) -> tuple[float, ...] | None:
        """The training steps of the checkpoints that have this layer; None where they are no series."""
        return series_steps([seen.checkpoint.known for seen in self._seen])

    @cached_property
    def over_steps(self) -> Trend | None:
        """The first column over the steps of one training; else of checkpoints in their order, joined by no line."""
        place = self.columns[0]
        name = place.table.diagnostic.name
        pairs = [(seen, number(seen.rows[name], place.column.name)) for seen in self._seen if name in seen.rows]
        has_steps = self.steps is not None and len(pairs) == len(self._seen)
        points = [
            Point(
                (seen.step or 0.0) if has_steps else float(index + 1),
                value,
                seen.checkpoint.name,
                layer_address(seen.run, self.weight, seen.position),
                (seen.run, seen.position) == (self.run, self.position),
            )
            for index, (seen, value) in enumerate(pairs)
            if value is not None
        ]
        along = "training step" if has_steps else "checkpoint, in the order of the table below"
        return trend(place.column, points, "checkpoints", along, joined=has_steps)

    # --- WeightWatcher ---

    @property
    def check(self) -> Check | None:
        return self._check

    @property
    def check_look(self) -> states.Look:
        assert self._check is not None
        return states.prescription(self._check.state)

    @cached_property
    def check_lines(self) -> list[CheckLine]:
        """Every column that both have; the run's own value beside them, which may have other settings."""
        lines = []
        for found in [] if self._check is None else self._check.columns:
            table, row = self.rows.get(found["diagnostic"], (None, None))
            if table is None or row is None:
                continue
            agrees = found["agrees"]
            lines.append(
                CheckLine(
                    table.diagnostic.column(found["column"]),
                    f"{found['diagnostic']}.{found['column']}",
                    short(row.value(found["column"]), 6),
                    short(found["ours"], 6),
                    short(found["theirs"], 6),
                    None if agrees is None else states.AGREES if agrees else states.DIFFERS,
                )
            )
        return lines

    @property
    def differing(self) -> int:
        return sum(line.look is states.DIFFERS for line in self.check_lines)


def mark(column: Column, row: Row) -> str:
    """On which side of the usual range a value lies, where it may be judged."""
    value = number(row, column.name)
    if value is None or column.usual is None or not column.judges(row):
        return ""
    low, high = column.usual
    return MARKS["low" if value < low else "high" if value > high else ""]


def signed(difference: float) -> str:
    """A difference with its sign.

    >>> signed(0.5), signed(-2.0), signed(0.0)
    ('+0.500', '−2.00', '0')
    """
    return ("+" if difference > 0 else "") + minus(short(difference))
