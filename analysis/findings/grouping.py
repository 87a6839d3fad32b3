"""The rows of a table by the checkpoints that they compare."""

from collections.abc import Iterable, Sequence
from statistics import median

from analysis.diagnostic import Row, Scalar
from analysis.findings.subjects import number


def group_rows(rows: Iterable[Row]) -> dict[tuple[int, ...], list[Row]]:
    """The rows of each group, groups in their order."""
    groups: dict[tuple[int, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return {group: groups[group] for group in sorted(groups)}


def having(rows: Iterable[Row], column: str) -> list[Row]:
    """The rows with a value in that column."""
    return [row for row in rows if row.value(column) is not None]


def middle(rows: Sequence[Row], column: str) -> float | None:
    """The median of a numeric column over the rows that have it; None where none has."""
    values = [number(row, column) for row in having(rows, column)]
    return median(values) if values else None


def medians(rows: Sequence[Row], columns: Iterable[str]) -> dict[str, Scalar]:
    """The median of each column."""
    return {column: middle(rows, column) for column in columns}
