"""The table of a comparison: every matrix in a line, every quantity in one column for each tuned checkpoint or pair."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Row, Scalar, Table
from frontend.compared import groups_in
from frontend.numbers import ABSENT, shape, short
from frontend.palette import look
from frontend.rows import number
from frontend.tables.columns import Place, pick_columns
from frontend.tables.contrast import Heading, heading
from frontend.tables.layers import Cell, Layer, sort_key, sort_layers
from frontend.tables.layers import Heading as Name

MOST_PAIRS = 3  # pairs of updates that a table shows where nobody chose its columns


@dataclass(frozen=True, slots=True)
class Span:
    """A quantity with the groups that have a column of it."""

    place: Place
    groups: tuple[Heading, ...]

    def key(self, group: Heading) -> str:
        """The column's name in the address: "count.2", or "left_overlap.1.2" of a pair."""
        return ".".join([self.place.key, *map(str, group.group[1:])])


@dataclass(frozen=True, slots=True)
class Matrices:
    spans: tuple[Span, ...]
    rows: tuple[Layer, ...]

    @property
    def flagged(self) -> int:
        return sum(row.flagged for row in self.rows)


def choose_columns(tables: Sequence[Table], columns: Sequence[str] = ()) -> list[Place]:
    """The columns that were asked for; else the first that each table marks to be shown."""
    if columns:
        return pick_columns(tables, columns)
    firsts = [pick_columns([table])[0] for table in tables if len(groups_in(table)) <= MOST_PAIRS or table is tables[0]]
    names = [f"{place.table.diagnostic.name}.{place.column.name}" for place in firsts]
    return pick_columns(tables, names) if names else []


def spans(tables: Sequence[Table], columns: Sequence[str] = ()) -> tuple[Span, ...]:
    """The chosen columns with their groups."""
    return tuple(
        Span(place, tuple(heading(place.table, group) for group in groups_in(place.table)))
        for place in choose_columns(tables, columns)
    )


def keys(tables: Sequence[Table], columns: Sequence[str] = ()) -> list[str]:
    """What the table can be sorted by, but for its first column."""
    return [span.key(group) for span in spans(tables, columns) for group in span.groups]


def matrices(tables: Sequence[Table], noted: Container[str], sort: str = "", columns: Sequence[str] = ()) -> Matrices:
    """Every weight of the base that was compared. `sort` is a column's key, with "-" in front for the largest first."""
    shown_spans = spans(tables, columns)
    by_weight: dict[str, dict[tuple[str, tuple[int, ...]], Row]] = {}
    for table in tables:
        for row in table.rows:
            by_weight.setdefault(row.weight.name, {})[table.diagnostic.name, row.group] = row
    rows = [_row(index, by_group, shown_spans, noted) for index, by_group in enumerate(by_weight.values())]
    names = [Name("layer", "", ""), *(Name(key, "", "") for key in keys(tables, columns))]
    return Matrices(shown_spans, tuple(sort_layers(rows, names, sort)))


def _row(at: int, found: dict[tuple[str, tuple[int, ...]], Row], spans: Sequence[Span], noted: Container[str]) -> Layer:
    info = next(iter(found.values())).weight
    pairs = [(span.place, member.group) for span in spans for member in span.groups]
    places = [(place, found.get((place.table.diagnostic.name, group))) for place, group in pairs]
    return Layer(
        name=info.name,
        label=info.label,
        look=look(info.role),
        shape=shape((info.rows, info.columns)) + (f" × {info.slices} slices" if info.slices > 1 else ""),
        make_cells=lambda: tuple(_cell(place, row) for place, row in places),
        keys=(float(at), *(_key(place, row) for place, row in places)),
        flagged=info.name in noted,
        search=f"{info.label} {look(info.role).title} {info.role} {info.name}".lower(),
    )


def _key(place: Place, row: Row | None) -> float | None:
    return sort_key(row, lambda one: _sorted_value(one.value(place.column.name)))


def _sorted_value(value: Scalar) -> float | None:
    return float(value) if isinstance(value, bool | int | float) else None


def _cell(place: Place, row: Row | None) -> Cell:
    """A value, marked where it lies outside its usual range; or a dash with the reason."""
    if row is None:
        return Cell(ABSENT, quiet=True, title="not compared")
    value, column = number(row, place.column.name), place.column
    text = short(row.value(column.name))
    if value is None:
        absent = row.value(column.name) is None
        return Cell(text, quiet=absent, title=(row.reason or column.absent) if absent else "")
    low, high = column.usual or (float("-inf"), float("inf"))
    return Cell(
        text, quiet=column.kind == "integer" and value == 0, span=1, out=not low <= value <= high and column.judges(row)
    )
