"""The whole model at a glance: a column as coloured cells, roles in rows and blocks in columns."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from analysis.diagnostic import Column, Row, Table, cut_shared
from frontend.numbers import short, tight
from frontend.palette import Look, look, order
from frontend.rows import At, number, rows_at, values_on_one_scale
from frontend.scale import Scale, scale
from frontend.tables import blanks
from frontend.tables.blanks import Blank, find_blank, has_cell, legend_of

MARKS = {"low": "▼", "high": "▲", "": ""}  # colour is never the only sign
CHIP = 24  # letters of a name that a cell outside the blocks has room for
DENSE_FROM = 17  # blocks: from here on a cell shows its number only where it lies outside the usual range


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid. Where several weights share it, the median, and the weight furthest from it to open."""

    weight: str
    label: str
    css: str
    text: str
    mark: str
    title: str  # label, value, and how many weights lie behind it


@dataclass(frozen=True, slots=True)
class Grid:
    depths: list[int]
    lines: list[tuple[Look, list[Cell | None]]]
    others: list[Cell]  # weights outside the blocks
    legend: list[tuple[str, str]]
    usual: bool  # whether the legend has a usual range in its middle
    dense: bool

    @property
    def chips(self) -> list[tuple[str, Cell]]:
        """The weights outside the blocks, each with a short name."""
        return list(zip(short_labels([cell.label for cell in self.others]), self.others, strict=True))

    @property
    def blanks(self) -> list[tuple[str, str, str]]:
        """The class, the sign and the meaning of each kind of cell without a number."""
        return legend_of(cell.css for cell in (*self.others, *(c for _, line in self.lines for c in line if c)))


def short_labels(labels: Sequence[str]) -> list[str]:
    """Names that have room beside each other: where one is long, all without what they share."""
    return list(labels) if max(map(len, labels), default=0) <= CHIP else cut_shared(labels)


def grid(table: Table, name: str, position: At = 0) -> Grid:
    """The grid of one column. Depths run from the first to the last block, with a gap where nothing was measured."""
    column = table.diagnostic.column(name)
    rows = [row for row in rows_at(table, position) if has_cell(row, name)]
    colors = scale(column, values_on_one_scale(table, name, position))
    roles = sorted({row.weight.role for row in rows if row.weight.depth is not None}, key=order)
    places: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows_at(table, position):
        if row.weight.depth is not None and row.weight.role in roles:
            places[row.weight.role, row.weight.depth].append(row)
    depths = sorted({depth for _, depth in places})
    return Grid(
        depths=depths,
        lines=[
            (look(role), [_cell(places.get((role, block), ()), column, colors) for block in depths]) for role in roles
        ],
        others=[cell for row in rows if row.weight.depth is None and (cell := _cell((row,), column, colors))],
        legend=colors.legend(),
        usual=colors.usual is not None,
        dense=len(depths) >= DENSE_FROM,
    )


def _cell(rows: Sequence[Row], column: Column, colors: Scale) -> Cell | None:
    if not rows:
        return None
    if blank := find_blank(rows, column.name):
        info = blank.row.weight
        return Cell(info.name, info.label, blank.css, blank.text, blanks.MARKS[blank.css], blank.title)
    rows = [row for row in rows if number(row, column.name) is not None]
    values = [number(row, column.name) or 0.0 for row in rows]
    middle = median(values)
    furthest = max(range(len(rows)), key=lambda i: abs(values[i] - middle))
    info = rows[furthest].weight
    title = f"{info.label}: {column.title} {short(values[furthest])}"
    if len(rows) > 1:
        title = f"{len(rows)} weights, {column.title} {short(min(values))} to {short(max(values))}; furthest: {title}"
    side = colors.side(middle) or colors.side(values[furthest]) if any(map(column.judges, rows)) else ""
    return Cell(info.name, info.label, colors.css(middle), tight(middle), MARKS[side], title)


# ---------- counts: summed over the weights of a place, zero nearly invisible ----------

FULL = 5  # counts from here on share the strongest colour


@dataclass(frozen=True, slots=True)
class Count:
    """One place of a grid of counts. The page counts anew by its `key` when a reader moves what is counted."""

    key: str  # "q.3", or the weight's name outside the blocks
    weight: str  # the one with the most, to open
    label: str
    number: int
    blank: Blank | None = None  # why there is nothing to count

    @property
    def css(self) -> str:
        return self.blank.css if self.blank else f"q-{min(self.number, FULL)}"

    @property
    def text(self) -> str:
        return self.blank.text if self.blank else str(self.number) if self.number else "·"

    @property
    def title(self) -> str:
        return self.blank.title if self.blank else f"{self.label}: {self.number}"


@dataclass(frozen=True, slots=True)
class Counts:
    total: int
    depths: list[int]
    lines: list[tuple[Look, list[Count | None]]]
    others: list[Count]
    dense: bool

    @property
    def chips(self) -> list[tuple[str, Count]]:
        return list(zip(short_labels([count.label for count in self.others]), self.others, strict=True))

    @property
    def blanks(self) -> list[tuple[str, str, str]]:
        return legend_of(count.css for count in (*self.others, *(c for _, line in self.lines for c in line if c)))


def counts(table: Table, name: str, position: At) -> Counts:
    """The grid of a column that counts; its rows and columns are those of the whole table, so that grids compare."""
    own = [row for row in rows_at(table, position) if has_cell(row, name)]
    block_rows = [row for row in table.rows if row.weight.depth is not None]
    depths = sorted({row.weight.depth or 0 for row in block_rows})
    roles = sorted({row.weight.role for row in block_rows}, key=order)
    places: dict[str, list[Row]] = defaultdict(list)
    for row in rows_at(table, position):
        places[place(row)].append(row)
    lines = [(look(role), [_count(places.get(f"{role}.{block}", ()), name) for block in depths]) for role in roles]
    other_counts = [count for row in own if row.weight.depth is None and (count := _count((row,), name))]
    total = sum(int(number(row, name) or 0) for row in own)
    return Counts(total, depths, lines, other_counts, len(depths) >= DENSE_FROM)


def place(row: Row) -> str:
    """Where a row stands in a grid of counts."""
    return row.weight.name if row.weight.depth is None else f"{row.weight.role}.{row.weight.depth}"


def _count(rows: Sequence[Row], name: str) -> Count | None:
    if not rows:
        return None
    if found := find_blank(rows, name):
        return Count(place(found.row), found.row.weight.name, found.row.weight.label, 0, found)
    top_row = max(rows, key=lambda row: number(row, name) or 0.0)
    label = top_row.weight.label if len(rows) == 1 else f"{len(rows)} weights, most in {top_row.weight.label}"
    return Count(place(top_row), top_row.weight.name, label, sum(int(number(row, name) or 0) for row in rows))


# ---------- the same, small: one glyph per checkpoint ----------

GLYPH = (62.0, 26.0)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An SVG of a grid: a path for each class of colour."""

    width: float
    height: float
    paths: list[tuple[str, str]]
    words: str  # for those who do not see it


def fingerprint(table: Table, name: str, position: At = 0) -> Fingerprint | None:
    """The glyph of a column's grid; None where no weight belongs to a block."""
    rows = [row for row in rows_at(table, position) if row.weight.depth is not None]
    cells = [(row.weight.role, row.weight.depth or 0, number(row, name)) for row in rows]
    return glyph([(role, depth, v) for role, depth, v in cells if v is not None], table.diagnostic.column(name))


def glyph(cells: Sequence[tuple[str, int, float]], column: Column) -> Fingerprint | None:
    """The small picture of (role, block, value): the median where several share a place; None where there are none."""
    if not cells:
        return None
    places: dict[tuple[str, int], list[float]] = defaultdict(list)
    for role, depth, value in cells:
        places[role, depth].append(value)
    depths = {depth: x for x, depth in enumerate(sorted({depth for _, depth in places}))}
    roles = {role: y for y, role in enumerate(sorted({role for role, _ in places}, key=order))}
    width, height = GLYPH[0] / len(depths), GLYPH[1] / len(roles)
    gap = 0.8 if len(depths) <= 24 else 0.0
    colors = scale(column, [value for _, _, value in cells])
    paths: dict[str, list[str]] = defaultdict(list)
    for (role, depth), values in sorted(places.items()):
        x, y = depths[depth] * width, roles[role] * height
        box = f"M{x:.1f} {y:.1f}h{width - gap:.1f}v{height - 0.8:.1f}h-{width - gap:.1f}z"
        paths[colors.css(median(values))].append(box)
    count = sum(bool(colors.side(median(values))) for values in places.values())
    return Fingerprint(*GLYPH, [(css, "".join(boxes)) for css, boxes in paths.items()], f"{count} cells out of range")
