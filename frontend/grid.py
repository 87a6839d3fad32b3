"""The whole model at a glance: a column as coloured cells, roles in rows and blocks in columns."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from analysis.diagnostic import Column, Row, Table
from frontend.numbers import short, tight
from frontend.palette import Look, look, order
from frontend.scale import Scale, scale
from frontend.shapes import number, rows_at

MARKS = {"low": "▼", "high": "▲", "": ""}  # colour is never the only sign
DENSE_FROM = 17  # blocks: from here on a cell shows its number only where it lies outside the healthy range


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
    healthy: bool  # whether the legend has a healthy range in its middle
    dense: bool


def grid(table: Table, name: str, position: int = 0) -> Grid:
    """The grid of one column. Depths run from the first to the last block, with a gap where nothing was measured."""
    column = table.diagnostic.column(name)
    rows = [row for row in rows_at(table, position) if number(row, name) is not None]
    colors = scale(column, [number(row, name) or 0.0 for row in rows])
    places: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        if row.weight.depth is not None:
            places[row.weight.role, row.weight.depth].append(row)
    depths = sorted({depth for _, depth in places})
    roles = sorted({role for role, _ in places}, key=order)
    return Grid(
        depths=depths,
        lines=[(look(role), [_cell(places.get((role, at), ()), column, colors) for at in depths]) for role in roles],
        others=[cell for row in rows if row.weight.depth is None and (cell := _cell((row,), column, colors))],
        legend=colors.legend(),
        healthy=colors.healthy is not None,
        dense=len(depths) >= DENSE_FROM,
    )


def _cell(rows: Sequence[Row], column: Column, colors: Scale) -> Cell | None:
    if not rows:
        return None
    values = [number(row, column.name) or 0.0 for row in rows]
    middle = median(values)
    furthest = max(range(len(rows)), key=lambda i: abs(values[i] - middle))
    info = rows[furthest].weight
    title = f"{info.label}: {column.title} {short(values[furthest])}"
    if len(rows) > 1:
        title = f"{len(rows)} weights, {column.title} {short(min(values))} to {short(max(values))}; furthest: {title}"
    side = colors.side(middle) or colors.side(values[furthest])
    return Cell(info.name, info.label, colors.css(middle), tight(middle), MARKS[side], title)


# ---------- the same, small: one glyph per checkpoint ----------

GLYPH = (62.0, 26.0)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An SVG of a grid: a path for each class of colour."""

    width: float
    height: float
    paths: list[tuple[str, str]]
    words: str  # for those who do not see it


def fingerprint(table: Table, name: str, position: int = 0) -> Fingerprint | None:
    """The glyph of a column's grid; None where no weight belongs to a block."""
    picture = grid(table, name, position)
    if not picture.lines:
        return None
    width, height = GLYPH[0] / len(picture.depths), GLYPH[1] / len(picture.lines)
    gap = 0.8 if len(picture.depths) <= 24 else 0.0
    paths: dict[str, list[str]] = defaultdict(list)
    for y, (_, cells) in enumerate(picture.lines):
        for x, cell in enumerate(cells):
            if cell is not None:
                box = f"M{x * width:.1f} {y * height:.1f}h{width - gap:.1f}v{height - 0.8:.1f}h-{width - gap:.1f}z"
                paths[cell.css].append(box)
    marked = sum(bool(cell and cell.mark) for _, cells in picture.lines for cell in cells)
    return Fingerprint(*GLYPH, [(css, "".join(boxes)) for css, boxes in paths.items()], f"{marked} cells out of range")
