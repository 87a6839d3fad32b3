"""The rows of a report as Parquet, for pandas, polars and DuckDB: a line for each layer, a typed column for each value.

Columns are called "esd.alpha", their unit and meaning stand in the schema. A row of a comparison says whose it is.
"""

import io
from collections.abc import Sequence
from typing import Any

from analysis.diagnostic import Column, Row, Table
from app.errors import NotInstalled

KINDS = {"number": "double", "integer": "int64", "text": "string", "flag": "bool"}  # as pyarrow calls them
ABOUT = {
    "weight": "string", "tensor": "string", "label": "string", "role": "string", "depth": "int64", "rows": "int64",
    "columns": "int64", "slices": "int64", "checkpoints": "string",
}  # fmt: skip
Key = tuple[tuple[int, ...], str, str]


def check_parquet() -> None:
    """Raises NotInstalled where Parquet cannot be written."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        text = "Parquet is written with pyarrow, which is not installed: pip install 'eigenscope[tables]'."
        raise NotInstalled(text) from None


def to_parquet(tables: Sequence[Table]) -> bytes:
    """All tables in one: the rows of a weight and of the checkpoints that it is compared in are one line."""
    check_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [(table, column) for table in tables for column in table.diagnostic.columns if column.kind != "curve"]
    lines = _lines(tables)
    fields = [pa.field(name, kind) for name, kind in ABOUT.items()]
    fields += [pa.field(_name(*each), KINDS[each[1].kind], metadata=_words(each[1])) for each in columns]
    values: dict[str, list[Any]] = {field.name: [] for field in fields}
    for found in lines.values():
        for name, value in _about(tables, next(iter(found.values()))).items():
            values[name].append(value)
        for table, column in columns:
            row = found.get(table.diagnostic.name)
            values[_name(table, column)].append(None if row is None else _plain(row.value(column.name)))
    out = io.BytesIO()
    pq.write_table(pa.table(values, schema=pa.schema(fields)), out, compression="zstd")
    return out.getvalue()


def _lines(tables: Sequence[Table]) -> dict[Key, dict[str, Row]]:
    lines: dict[Key, dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            key = (row.group, row.weight.tensor, row.weight.name)
            lines.setdefault(key, {})[table.diagnostic.name] = row
    return lines


def _name(table: Table, column: Column) -> str:
    return f"{table.diagnostic.name}.{column.name}"


def _words(column: Column) -> dict[str, str]:
    return {"title": column.title, "unit": column.unit, "meaning": column.meaning}


def _about(tables: Sequence[Table], row: Row) -> dict[str, Any]:
    info = row.weight
    names = ", ".join(tables[0].name_at(position) for position in row.group)
    texts = {"weight": info.name, "tensor": info.tensor, "label": info.label, "role": info.role, "checkpoints": names}
    whole = {"depth": info.depth, "rows": info.rows, "columns": info.columns, "slices": info.slices}
    return {name: _plain(text) for name, text in texts.items()} | whole


def _plain(value: object) -> object:
    """Text that UTF-8 can carry: a name may hold half a surrogate pair."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
