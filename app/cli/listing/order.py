"""Which rows a listing shows, and in which order: those that findings name first, or by a column."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import click

from analysis.diagnostic import Diagnostic, Row, Severity

LAYER = "layer"  # sorts by the network's order, in which the rows are
MOST = 15  # rows of a listing without --full
Group = tuple[int, ...]
Key = tuple[Group, str]  # of a row: its checkpoints and its weight
Rows = Mapping[Key, Mapping[str, Row]]  # of each key the row of each diagnostic


@dataclass(frozen=True, slots=True)
class Choice:
    """How a listing is cut and ordered.

    `sort` is a column ("alpha", "esd.alpha"), the least first with ":asc", or "layer", the network's order.
    """

    full: bool = False
    sort: str = ""

    @property
    def most(self) -> int | None:
        return None if self.full else MOST


def pick(rows: Rows, marks: Mapping[str, Severity], choice: Choice, by: str = "") -> list[Key]:
    """The keys to list, by the choice's column, else those with findings first and then by the column `by`."""
    keys = list(rows)
    if choice.sort.removesuffix(":asc") == LAYER:
        return keys[: choice.most]
    if choice.sort:
        name, ascending = choice.sort.removesuffix(":asc"), choice.sort.endswith(":asc")
        values = {key: _number(rows[key], name) for key in keys}
        keys.sort(key=lambda key: (values[key] is None, (values[key] or 0.0) * (1 if ascending else -1)))
    elif not choice.full:
        keys.sort(key=lambda key: (_rank(marks.get(key[1])), _descending(rows[key], by)))
    return keys[: choice.most]


def mark_weights(findings: Iterable[tuple[Severity, Sequence[str]]]) -> dict[str, Severity]:
    """The worst severity of the findings that name each weight."""
    marks: dict[str, Severity] = {}
    for severity, weights in findings:
        for weight in weights:
            if _rank(severity) < _rank(marks.get(weight)):
                marks[weight] = severity
    return marks


def sortable_columns(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """The columns that a listing can be sorted by: those of numbers."""
    columns = (column for diagnostic in diagnostics for column in diagnostic.columns)
    return list(dict.fromkeys(column.name for column in columns if column.kind not in ("curve", "text")))


def check_sort(sort: str, diagnostics: Sequence[Diagnostic]) -> None:
    """Raises click.BadParameter with the nearest columns where no diagnostic has one of that name."""
    name = sort.removesuffix(":asc")
    columns = sortable_columns(diagnostics)
    qualified = [f"{each.name}.{column}" for each in diagnostics for column in sortable_columns([each])]
    if sort and name not in (LAYER, *columns, *qualified):
        near = difflib.get_close_matches(name, [LAYER, *columns, *qualified], 3)
        text = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(columns)}"
        raise click.BadParameter(f"{name!r} is not a column of numbers here: {text}", param_hint="--sort")


def _rank(severity: Severity | None) -> int:
    return list(Severity).index(severity) if severity is not None else len(Severity)


def _number(rows: Mapping[str, Row], name: str) -> float | None:
    """The value of a column, "alpha" or "esd.alpha", of the first diagnostic that has it."""
    diagnostic, _, column = name.rpartition(".")
    values = (row.value(column) for known, row in rows.items() if diagnostic in ("", known))
    return next((float(value) for value in values if isinstance(value, int | float)), None)


def _descending(rows: Mapping[str, Row], by: str) -> float:
    value = _number(rows, by) if by else None
    return 0.0 if value is None else -value
