"""The table of layers: for each weight the few columns that matter most, ready to be shown, sorted and filtered."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from analysis.diagnostic import Column, Row, Table
from frontend.numbers import ABSENT, shape, short
from frontend.palette import Look, look
from frontend.rows import number, rows_at
from frontend.tables.columns import Place, pick_columns

BARS = frozenset({"stable_rank"})  # columns that also show a bar, relative to the largest value
NUMBERS = ("number", "integer")
NOTE = 24  # letters of a note for each column that it stands across
WORST = 1e308  # sorts a weight that holds NaN; JSON has no infinity
TRACK = 132.0  # width of a band's drawing


@dataclass(frozen=True, slots=True)
class Band:
    """A value with its error against the usual range, in units of the drawing."""

    ok: tuple[float, float]  # left end and width of the usual range
    error: tuple[float, float] | None  # left and right end
    x: float
    css: str  # "", "low" or "out"
    beyond: bool  # the value lies right of the drawing


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    band: Band | None = None
    bar: float | None = None  # 0 … 1
    span: int = 1
    quiet: bool = False
    title: str = ""  # why there is no value
    out: bool = False  # outside the usual range, where no band shows that


@dataclass(frozen=True)
class Layer:
    name: str  # raw, as in the file
    label: str
    look: Look
    shape: str
    make_cells: Callable[[], tuple[Cell, ...]]  # asked where the row is drawn: a long table draws its first rows
    keys: tuple[float | None, ...]  # what each column sorts by; the name and the shape come first
    flagged: bool
    search: str  # lower case: label, role and raw name

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        return self.make_cells()


@dataclass(frozen=True, slots=True)
class Heading:
    name: str
    title: str
    term: str  # its name in the glossary
    number: bool = True


@dataclass(frozen=True, slots=True)
class Layers:
    headings: tuple[Heading, ...]
    rows: tuple[Layer, ...]

    @property
    def flagged(self) -> int:
        return sum(row.flagged for row in self.rows)

    def in_order(self, sort: str) -> "Layers":
        """Sorted by a heading's name, with "-" in front for the largest first; as they are by another."""
        return replace(self, rows=tuple(sort_layers(self.rows, self.headings, sort)))


def layers(tables: Sequence[Table], noted: Container[str], position: int = 0, columns: Sequence[str] = ()) -> Layers:
    """All weights of one checkpoint, in the tables' order.

    `noted` names those that deserve a look, `columns` what is shown of them.
    """
    places = pick_columns(tables, columns)
    headings = (
        Heading("layer", "Layer", "layer", number=False),
        Heading("shape", "Shape", "shape"),
        *(Heading(p.key, _title(p.column), p.term, p.column.kind in NUMBERS) for p in places),
    )
    by_weight: dict[str, dict[str, Row]] = {}
    for table in tables:
        for row in rows_at(table, position):
            by_weight.setdefault(row.weight.name, {})[table.diagnostic.name] = row
    sorters = {place.key: _sorter(place) for place in places}
    tallest = {place.key: max(place.table.numbers(place.column.name), default=0.0) for place in places}
    parts = [(name, tuple(part)) for name, part in groupby(places, key=_diagnostic)]
    rows = [_layer(i, by_table, parts, sorters, tallest, noted) for i, by_table in enumerate(by_weight.values())]
    return Layers(headings, tuple(rows))


def _sorter(place: Place) -> Callable[[Row], float | None]:
    """What a row sorts by in a column: its number, or its place among the texts."""
    name = place.column.name
    if place.column.kind != "text":
        return lambda row: float(value) if isinstance(value := row.value(name), bool | int | float) else None
    texts = sorted({str(row.value(name)) for row in place.table.rows})
    return lambda row: float(texts.index(str(row.value(name)))) if row.value(name) is not None else None


def sort_key(row: Row | None, of: Callable[[Row], float | None]) -> float | None:
    """What a row sorts by: NaN in a weight is worse than any value, so that it leads where the largest come first."""
    value = None if row is None else of(row)
    return WORST if value is None and row is not None and row.is_not_finite else value


def _title(column: Column) -> str:
    error = ", ± one standard error" if column.error else ""
    return column.title + error + (f" ({column.unit})" if column.unit else "")


def sort_layers(rows: Sequence[Layer], headings: Sequence[Heading], sort: str) -> Sequence[Layer]:
    """Sorted by one heading; rows without a value there come last, whichever way the sort goes. NaN leads by none."""
    names = [heading.name for heading in headings]
    key = sort.removeprefix("-")
    if key not in names:
        return sorted(rows, key=lambda row: WORST not in row.keys)
    index, down = names.index(key), sort.startswith("-")
    present = [row for row in rows if row.keys[index] is not None]
    present.sort(key=lambda row: row.keys[index] or 0.0, reverse=down)
    return present + [row for row in rows if row.keys[index] is None]


def _layer(
    place: int, found: Mapping[str, Row], parts: Sequence[tuple[str, Sequence[Place]]],
    sorters: Mapping[str, Callable[[Row], float | None]], tallest: Mapping[str, float], noted: Container[str],
) -> Layer:  # fmt: skip
    info = next(iter(found.values())).weight
    by_table = [(found.get(name), part) for name, part in parts]
    keys = [sort_key(row, sorters[place.key]) for row, part in by_table for place in part]
    return Layer(
        name=info.name,
        label=info.label,
        look=look(info.role),
        shape=shape((info.rows, info.columns)) + (f" × {info.slices} slices" if info.slices > 1 else ""),
        make_cells=lambda: tuple(cell for row, part in by_table for cell in _cells(row, part, tallest)),
        keys=(float(place), float(info.rows * info.columns), *keys),
        flagged=info.name in noted,
        search=f"{info.label} {look(info.role).title} {info.role} {info.name}".lower(),
    )


def _diagnostic(place: Place) -> str:
    return place.table.diagnostic.name


def _cells(row: Row | None, places: Sequence[Place], tallest: Mapping[str, float]) -> list[Cell]:
    """One table's cells of a row; where the row has a note in place of values, the note across them if it fits."""
    if row is None:
        return [Cell(ABSENT, quiet=True) for _ in places]
    note = row.reason
    if note and len(note) <= NOTE * len(places) and all(row.value(place.column.name) is None for place in places):
        return [Cell(note, span=len(places), quiet=True)]
    return [_value(row, place, tallest) for place in places]


def _value(row: Row, place: Place, tallest: Mapping[str, float]) -> Cell:
    column = place.column
    value, text = number(row, column.name), short(row.value(column.name))
    if value is None:
        absent = row.value(column.name) is None
        return Cell(text, quiet=True, title=(row.reason or column.absent) if absent else "")
    if column.usual is not None:
        return Cell(text, band=band(column, value, number(row, column.error), column.judges(row)))
    largest = tallest[place.key]
    bar = max(0.0, value / largest) if column.name in BARS and largest > 0 else None
    return Cell(text, bar=bar, quiet=column.kind == "integer")


def band(column: Column, value: float, error: float | None, judged: bool = True) -> Band:
    """The drawing starts half a usual width below the usual range and ends one and an eighth above it."""
    assert column.usual is not None
    low, high = column.usual
    wide = high - low or 1.0
    start, end = low - 0.5 * wide, high + 1.125 * wide

    def place_of(x: float) -> float:
        return round(TRACK * min(1.0, max(0.0, (x - start) / (end - start))), 1)

    return Band(
        ok=(place_of(low), round(place_of(high) - place_of(low), 1)),
        error=None if error is None else (place_of(value - error), place_of(value + error)),
        x=min(place_of(value), TRACK - 4),
        css="" if not judged else "low" if value < low else "out" if value > high else "",
        beyond=value > end,
    )
