"""Tables for readers: filtered, sorted, cut into pages, and written as CSV that no spreadsheet runs."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.diagnostic import Diagnostic, Row, Table
from analysis.names.order import natural
from analysis.report import records as records
from app.errors import UnknownColumn
from app.escaping import for_csv
from app.runs.reports import flagged_weights

ABOUT = ("weight", "tensor", "label", "role", "depth", "rows", "columns", "slices", "group")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, in which order. `sort` is a column's name, with a minus for descending; None is the file's order."""

    sort: str | None = None
    text: str = ""  # in the weight's name or label, whatever the case
    role: str | None = None
    depth: int | None = None
    group: tuple[int, ...] | None = None
    flagged: bool | None = None
    weight: str | None = None  # exactly its name


def scalars(diagnostic: Diagnostic) -> list[str]:
    return [column.name for column in diagnostic.columns if column.kind != "curve"]


def select(table: Table, selection: Selection) -> Table:
    """The rows that are asked for, in the order asked for; what is absent comes last either way."""
    flagged_names = frozenset[str]() if selection.flagged is None else flagged_weights(table)
    rows = [row for row in table.rows if _matches(row, selection, flagged_names)]
    if selection.sort:
        rows = _sort(rows, table.diagnostic, selection.sort)
    return replace(table, rows=tuple(rows))


def _matches(row: Row, selection: Selection, noted: frozenset[str]) -> bool:
    info, text = row.weight, selection.text.casefold()
    return (
        (not text or text in info.name.casefold() or text in info.label.casefold())
        and selection.weight in (None, info.name)
        and selection.role in (None, info.role)
        and selection.depth in (None, info.depth)
        and selection.group in (None, row.group)
        and selection.flagged in (None, info.name in noted)
    )


def _sort(rows: Sequence[Row], diagnostic: Diagnostic, sort: str) -> list[Row]:
    name = sort.removeprefix("-")
    if name not in ABOUT and name not in scalars(diagnostic):
        choices = ", ".join((*ABOUT, *scalars(diagnostic)))
        raise UnknownColumn(f"{diagnostic.name} cannot be sorted by {name!r}; it has: {choices}")
    present = [row for row in rows if cell(row, name) is not None]
    absent = [row for row in rows if cell(row, name) is None]
    return sorted(present, key=lambda row: _key(cell(row, name)), reverse=sort.startswith("-")) + absent


def _key(value: Any) -> Any:
    return natural(value) if isinstance(value, str) else value


def cell(row: Row, name: str) -> Any:
    """The value of a column, or of what the row is about."""
    match name:
        case "weight":
            return row.weight.name
        case "group":
            return row.group
        case _ if name in ABOUT:
            return getattr(row.weight, name)
        case _:
            return row.value(name)


def header(table: Table) -> list[str]:
    """The names of a CSV's columns; where there are several checkpoints, one says which a row speaks of."""
    extra = ["checkpoints"] if len(table.names) > 1 else []
    return [*ABOUT, *extra, *scalars(table.diagnostic), "note"]


def to_csv(table: Table) -> Iterator[str]:
    """The table as CSV (RFC 4180), line by line: exact numbers, empty where absent."""
    names = header(table)
    yield _line(names)
    for row in table.rows:
        values: Mapping[str, Any] = {name: cell(row, name) for name in names}
        texts = {"group": " ".join(map(str, row.group)), "note": row.measurement.note}
        if "checkpoints" in values:
            texts["checkpoints"] = ", ".join(map(table.name_at, row.group))
        yield _line([for_csv(value) if isinstance(value, str) else value for value in {**values, **texts}.values()])


def _line(values: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(values)
    return buffer.getvalue()
