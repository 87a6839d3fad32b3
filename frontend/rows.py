"""The rows of a table for one place of a run, and the numbers in them: what figures, tables and pages start from."""

from analysis.diagnostic import Row, Table

At = int | tuple[int, ...]  # a checkpoint's place in the run, or a group of places


def rows_at(table: Table, position: At) -> list[Row]:
    """The rows about the checkpoint at this place in the run; or about this group of checkpoints."""
    if isinstance(position, tuple):
        return [row for row in table.rows if row.group == position]
    return [row for row in table.rows if row.group[-1:] in ((position,), ())]


def row_of(table: Table, weight: str | None, position: At) -> Row:
    for row in rows_at(table, position):
        if row.weight.name == weight:
            return row
    raise KeyError(weight)


def number(row: Row, column: str | None) -> float | None:
    """The row's value in a numeric column, if there is one."""
    value = None if column is None else row.value(column)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def values_on_one_scale(table: Table, name: str, position: At, in_blocks: bool = False) -> list[float]:
    """The values that share a scale: of a group those of all groups, whose pictures stand side by side."""
    rows = table.rows if isinstance(position, tuple) else rows_at(table, position)
    scale_rows = (row for row in rows if row.weight.depth is not None or not in_blocks)
    return [value for row in scale_rows if (value := number(row, name)) is not None]
