"""One column of several reports: a line for each layer, a value for each report, and differences to the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from statistics import median

from analysis.diagnostic import Column, Row, Table
from frontend.numbers import ABSENT, minus, short
from frontend.palette import Look, look
from frontend.rows import number

MOST_ERRORS = 2.0  # standard errors of a difference up to which it may be chance


@dataclass(frozen=True, slots=True)
class Difference:
    """A value less that of the first report. `beyond`: more than two standard errors, where the column has one."""

    value: float | None
    beyond: bool | None

    @property
    def text(self) -> str:
        if self.value is None:
            return ""
        return ("+" if self.value > 0 else "") + minus(short(self.value))

    @property
    def css(self) -> str:
        return "" if not self.value or self.beyond is False else "up" if self.value > 0 else "fell"


@dataclass(frozen=True, slots=True)
class BesideRow:
    name: str
    label: str
    look: Look
    texts: tuple[str, ...]
    differences: tuple[Difference, ...]  # of every report but the first
    largest: float  # difference, without its sign; -1 where there is none
    search: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a report has that differs from the first."""

    shared: int  # layers that both have a value for
    larger: int
    smaller: int
    beyond: int | None  # by more than two standard errors; None where the column has none
    median: float | None
    most: BesideRow | None
    only_first: int
    only_other: int


def beside(table: Table, column: Column, count: int) -> list[BesideRow]:
    """A row for each layer of any report, in the network's order; `count` reports."""
    by_name: dict[str, dict[int, Row]] = {}
    for row in table.in_network_order().rows:
        by_name.setdefault(row.weight.name, {})[row.group[0]] = row
    return [_row(rows, column, count) for rows in by_name.values()]


def _row(rows: dict[int, Row], column: Column, count: int) -> BesideRow:
    info = next(iter(rows.values())).weight
    differences = tuple(_difference(rows.get(0), rows.get(place), column) for place in range(1, count))
    sizes = [abs(one.value) for one in differences if one.value is not None]
    return BesideRow(
        name=info.name,
        label=info.label,
        look=look(info.role),
        texts=tuple(ABSENT if place not in rows else short(rows[place].value(column.name)) for place in range(count)),
        differences=differences,
        largest=max(sizes, default=-1.0),
        search=f"{info.label} {look(info.role).title} {info.role} {info.name}".lower(),
    )


def _difference(first: Row | None, other: Row | None, column: Column) -> Difference:
    if first is None or other is None:
        return Difference(None, None)
    before, after = number(first, column.name), number(other, column.name)
    if before is None or after is None:
        return Difference(None, None)
    errors = number(first, column.error), number(other, column.error)
    if errors[0] is None or errors[1] is None:
        return Difference(after - before, None)
    return Difference(after - before, abs(after - before) > MOST_ERRORS * hypot(errors[0], errors[1]))


def changes(rows: Sequence[BesideRow], place: int) -> Changes:
    """How the report at this place (1, 2, …) differs from the first."""
    at = place - 1
    known = [(row, difference.value) for row in rows if (difference := row.differences[at]).value is not None]
    judged = [beyond for row, _ in known if (beyond := row.differences[at].beyond) is not None]
    values = [value for _, value in known if value is not None]
    most = max(known, key=lambda pair: abs(pair[1] or 0.0), default=None)
    return Changes(
        shared=len(values),
        larger=sum(value > 0 for value in values),
        smaller=sum(value < 0 for value in values),
        beyond=sum(judged) if judged else None,
        median=median(values) if values else None,
        most=most[0] if most and most[1] else None,
        only_first=sum(row.texts[0] != ABSENT and row.texts[place] == ABSENT for row in rows),
        only_other=sum(row.texts[0] == ABSENT and row.texts[place] != ABSENT for row in rows),
    )
