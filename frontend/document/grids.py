"""The rows of a report in one file: every column that was measured, a line for each layer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Column, Row, Scope, Table, abbreviate
from frontend.compared import name_group
from frontend.document.pictures import LONGEST
from frontend.numbers import shape, short

DIGITS = 4
TITLES = {Scope.ONE: "Layers", Scope.PAIR: "What changed", Scope.UPDATES: "Between the updates", Scope.FAMILY: "Widths"}


@dataclass(frozen=True, slots=True)
class Line:
    key: str  # of its weight
    label: str
    whose: str  # the compared checkpoints, where a run has several
    shape: str
    texts: tuple[str, ...]
    notes: str


@dataclass(frozen=True, slots=True)
class Grid:
    """The tables of one scope side by side: a row of one compares other checkpoints than a row of another."""

    title: str
    parts: tuple[tuple[str, int], ...]  # a diagnostic's title, and how many columns it has here
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    has_notes: bool

    @property
    def several(self) -> bool:
        return any(line.whose for line in self.lines)


def grids(tables: Sequence[Table], keys: Mapping[str, str]) -> list[Grid]:
    """A grid for each scope that has rows. `keys` are what the file calls the weights."""
    by_scope = [[table for table in tables if table.diagnostic.scope is scope and table.rows] for scope in Scope]
    return [_grid(part, keys) for part in by_scope if part]


def _grid(tables: Sequence[Table], keys: Mapping[str, str]) -> Grid:
    columns = [(table, column) for table in tables for column in _measured(table)]
    rows: dict[tuple[tuple[int, ...], str], dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            rows.setdefault((row.group, row.weight.name), {})[table.diagnostic.name] = row
    lines = tuple(_line(tables[0], found, columns, keys) for found in rows.values())
    counts = [(table.diagnostic.title, sum(owner is table for owner, _ in columns)) for table in tables]
    title = TITLES[tables[0].diagnostic.scope]
    return Grid(title, tuple(counts), tuple(column for _, column in columns), lines, any(line.notes for line in lines))


def _measured(table: Table) -> Iterator[Column]:
    """The scalar columns that have a value in some row."""
    for column in table.diagnostic.columns:
        if column.kind != "curve" and any(row.value(column.name) is not None for row in table.rows):
            yield column


def _line(
    table: Table, found: Mapping[str, Row], columns: Sequence[tuple[Table, Column]], keys: Mapping[str, str]
) -> Line:
    first = next(iter(found.values()))
    info = first.weight
    values = [(found.get(owner.diagnostic.name), column) for owner, column in columns]
    notes = dict.fromkeys(row.reason for row in found.values() if row.reason)
    return Line(
        key=keys[info.name],
        label=abbreviate(info.label, LONGEST),
        whose=abbreviate(name_group(table, first.group), LONGEST) if len(table.names) > 1 else "",
        shape=shape((info.rows, info.columns)) + (f" × {info.slices} slices" if info.slices > 1 else ""),
        texts=tuple(short(None if row is None else row.value(column.name), DIGITS) for row, column in values),
        notes="; ".join(filter(None, notes)),
    )
