"""The figures that a report in one file carries: those of whole tables, then those of the layers to look at first."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.diagnostic import Figure, FigureKind, Finding, Row, Scope, Table, abbreviate
from frontend.compared import groups_in, name_group
from frontend.figures.draw import draw
from frontend.figures.views import view
from frontend.rows import At, number

MOST_LAYERS = 64  # whose figures a file carries
MOST = 8_000_000  # characters of all figures together: beside Plotly, which takes 4.8 million
LONGEST = 300  # characters of a name: those of files may have 64 thousand
OF_ALL = (
    FigureKind.SWEEP, FigureKind.SERIES, FigureKind.WIDTHS, FigureKind.GROWTH, FigureKind.RANKS, FigureKind.SPECTRA
)  # fmt: skip  # each shows all checkpoints of its table at once


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with its words, drawn as Plotly JSON."""

    title: str
    caption: str
    kind: str
    whose: str  # the compared checkpoints, where a run has several
    weight: str  # the key of its weight, where it is of one layer
    drawing: str


def choose_layers(tables: Sequence[Table], findings: Iterable[Finding]) -> list[str]:
    """The layers whose figures are carried: those of the findings, worst first, then the others in the file's order."""
    measured = [row.weight.name for table in tables for row in table.rows]
    known = set(measured)
    named = [name for finding in findings for name in finding.weights if name in known]
    return list(dict.fromkeys([*named, *measured]))[:MOST_LAYERS]


def pictures(
    tables: Sequence[Table], layers: Sequence[str], steps: Mapping[int, float], keys: Mapping[str, str]
) -> tuple[list[Picture], int]:
    """The figures in their order, and how many did not fit. In them a weight is its key."""
    found, room, left_out = list[Picture](), MOST, 0
    of_layers = ((name, table, figure) for name in layers for table, figure in _of_layer(tables, name))
    for weight, table, figure in [*_of_tables(tables), *of_layers]:
        for picture in _draw_each(table, figure, weight, steps, keys):
            if len(picture.drawing) <= room:
                room -= len(picture.drawing)
                found.append(picture)
            else:
                left_out += 1
    return found, left_out


def _of_tables(tables: Sequence[Table]) -> Iterator[tuple[str | None, Table, Figure]]:
    for table in tables:
        yield from ((None, table, figure) for figure in table.diagnostic.figures if not figure.per_weight)


def _of_layer(tables: Sequence[Table], weight: str) -> Iterator[tuple[Table, Figure]]:
    for table in tables:
        rows = [row for row in table.rows if row.weight.name == weight]
        for figure in table.diagnostic.figures:
            if figure.per_weight and any(_has_curves(table, figure, row) for row in rows):
                yield table, figure


def _has_curves(table: Table, figure: Figure, row: Row) -> bool:
    kinds = {column.name: column.kind for column in table.diagnostic.columns}
    return all(name in row.measurement.curves for name in figure.parts.values() if kinds[name] == "curve")


def _draw_each(
    table: Table, figure: Figure, weight: str | None, steps: Mapping[int, float], keys: Mapping[str, str]
) -> Iterator[Picture]:
    """A picture for each group of checkpoints that the figure is of; none where there is nothing to draw."""
    rows = [row for row in table.rows if weight is None or row.weight.name == weight]
    groups = [group for group in groups_in(table) if any(row.group == group for row in rows)]
    several = len(table.names) > 1 and figure.kind not in OF_ALL
    for group in groups[:1] if figure.kind in OF_ALL else groups:
        chosen = _in_order(table, figure, group)
        if chosen is not figure and chosen in table.diagnostic.figures:
            continue  # it has its own turn
        found = draw(chosen, table, weight, _place(table, group), steps)
        if found["data"]:
            whose = abbreviate(name_group(table, group), LONGEST) if several else ""
            text = json.dumps(_with_keys(found, keys), separators=(",", ":"), allow_nan=False)
            yield Picture(
                chosen.title, chosen.caption, chosen.kind, whose, "" if weight is None else keys[weight], text
            )


def _with_keys(value: Any, keys: Mapping[str, str], custom: bool = False) -> Any:
    """The same JSON with the keys of weights for their names in `customdata`, and no text that is very long."""
    if isinstance(value, str):
        return keys.get(value, abbreviate(value, LONGEST)) if custom else abbreviate(value, LONGEST)
    if isinstance(value, dict):
        return {name: _with_keys(inner, keys, custom or name == "customdata") for name, inner in value.items()}
    return [_with_keys(inner, keys, custom) for inner in value] if isinstance(value, list) else value


def _place(table: Table, group: tuple[int, ...]) -> At:
    return group[-1] if table.diagnostic.scope is Scope.ONE else group


def _in_order(table: Table, figure: Figure, group: tuple[int, ...]) -> Figure:
    """By depth; or along the layers, where none that has a value is in a block."""
    if figure.kind is not FigureKind.DEPTH:
        return figure
    column = figure.parts["y"]
    depths = [r.weight.depth for r in table.rows if r.group == group and number(r, column) is not None]
    return figure if any(depth is not None for depth in depths) else view(table.diagnostic, column, FigureKind.FLOW)
