"""Reports on a terminal: as JSON, as CSV, and as tables and sentences for people."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NoReturn

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from analysis.coverage import Coverage
from analysis.diagnostic import Column, Row, Scope, Table
from analysis.findings.wording import format_value
from analysis.report import Report
from app.escaping import for_terminal

FEW = 3  # columns of a report in which none is marked to be shown
LEAST = 8  # characters of a column whose heading goes over several lines
WORST = 12  # matrices of a comparison that are listed
errors = Console(stderr=True)
Group = tuple[int, ...]
Shown = Sequence[tuple[str, Column]]  # columns, each with its diagnostic's name


def write_json(report: Report) -> None:
    write_object(report.to_json())


def write_object(value: object) -> None:
    """JSON on the standard output, as every command's --json has it."""
    json.dump(value, sys.stdout, allow_nan=False, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def end(code: str, text: str, status: int) -> NoReturn:
    """Ends the command: the code and the text on the standard error, the status for the shell."""
    errors.print(f"[bold red]{code}[/]", end=" ")
    errors.print(text, markup=False, highlight=False)
    sys.exit(status)


def plain_grid() -> Grid:
    """An empty table without rules, its headings bold."""
    return Grid(box=None, pad_edge=False, header_style="bold")


def write_csv(report: Report) -> None:
    from app.runs.tables import to_csv

    sys.stdout.writelines(to_csv(report.tables[0]))


def write_table(report: Report) -> None:
    """One checkpoint: every matrix, then what is said of it."""
    console = Console()
    shown = shown_columns(report.tables)
    grid = _grid(["Layer", "Shape"], shown)
    for rows in by_weight(report.tables).values():
        info = next(iter(rows.values())).weight
        grid.add_row(Text(for_terminal(info.label)), f"{info.rows} × {info.columns}", *_values(rows, shown))
    console.print(grid)
    _write_coverage(console, "", report.coverage)
    write_words(console, report)


def write_comparison(report: Report) -> None:
    """Several checkpoints: what changed in each, where most, and what is said of it."""
    console = Console()
    for scope in (Scope.PAIR, Scope.UPDATES, Scope.FAMILY):
        tables = [table for table in report.tables if table.diagnostic.scope is scope]
        if tables:
            _write_groups(console, report, tables)
        for table in tables:
            _write_rows(console, report, [table], WORST)
    alone = [table for table in report.tables if table.diagnostic.scope is Scope.ONE]
    if alone:
        _write_rows(console, report, alone, None)
    for name, covered in zip(report.names, report.coverage.members, strict=True):
        _write_coverage(console, f"{name}: ", covered)
    write_words(console, report)


def _write_groups(console: Console, report: Report, tables: Sequence[Table]) -> None:
    """The model-level numbers of each group, a line for each number and a column for each group."""
    summaries = report.summaries()
    groups = sorted({group for table in tables for group in summaries[table.diagnostic.name].groups})
    grid = _grid(["", *(name_group(report.names, group) for group in groups)], [])
    for table in tables:
        found = summaries[table.diagnostic.name].groups
        for name in _telling(table, found.values()):
            values = (brief(found[group].get(name)) if group in found else "–" for group in groups)
            grid.add_row(Text(f"{table.diagnostic.name}.{name}", "dim"), *values)
    if groups:
        console.print(grid)
        console.print()


def _telling(table: Table, found: Iterable[Mapping[str, object]]) -> list[str]:
    """The numbers to be seen first: those of the shown columns, and whatever is no column's."""
    names = list(dict.fromkeys(name for numbers in found for name in numbers))
    columns = {column.name for column in table.diagnostic.columns}
    shown = {column.name for column in table.diagnostic.columns if column.shown}
    some = [name for name in names if name in shown]
    return some or [name for name in names if name not in columns][:4] or names[:FEW]


def _write_rows(console: Console, report: Report, tables: Sequence[Table], most: int | None) -> None:
    """The rows of these tables, or those with the most of the first column, where they have any of it."""
    shown = shown_columns(tables)
    found = by_weight(tables)
    keys = list(found)
    if most is not None:
        some = [key for key in keys if _size(found[key], *shown[0]) > 0]
        keys = sorted(some, key=lambda key: _size(found[key], *shown[0]), reverse=True)[:most]
    if not keys:
        return
    grid = _grid(["Checkpoint", "Layer", "Shape"], shown)
    for group, weight in keys:
        rows = found[group, weight]
        info = next(iter(rows.values())).weight
        named = Text(for_terminal(name_group(report.names, group)))
        grid.add_row(named, Text(for_terminal(info.label)), f"{info.rows}×{info.columns}", *_values(rows, shown))
    console.print(grid)
    if len(keys) < len(found):
        console.print(Text(f"and {len(found) - len(keys)} more: --csv and --json have all", "dim"))
    console.print()


def _size(rows: Mapping[str, Row], diagnostic: str, column: Column) -> float:
    value = rows[diagnostic].value(column.name) if diagnostic in rows else None
    return float(value) if isinstance(value, int | float) else float("-inf")


def name_group(names: Sequence[str], group: Group) -> str:
    """What a group is about: the tuned checkpoints in it, or the one.

    >>> name_group(["base", "lora", "full"], (0, 1, 2))
    'lora, full'
    """
    return ", ".join(names[position] for position in (group[1:] or group))


def _grid(headings: Sequence[str], shown: Shown) -> Grid:
    """An empty table; where its headings are long they go over several lines."""
    grid = plain_grid()
    for heading in headings:
        if heading == "Shape":
            grid.add_column(heading, justify="right", style="dim", no_wrap=True)
        else:
            grid.add_column(Text(for_terminal(heading)), overflow="fold")
    for _, column in shown:
        side: Literal["left", "right"] = "left" if column.kind == "text" else "right"
        grid.add_column(column.title, justify=side, min_width=LEAST)
    return grid


def _values(rows: Mapping[str, Row], shown: Shown) -> list[str]:
    return [brief(rows[name].value(column.name) if name in rows else None) for name, column in shown]


def shown_columns(tables: Sequence[Table]) -> list[tuple[str, Column]]:
    """The columns to be seen first, each with its diagnostic's name."""
    known = [(t.diagnostic.name, c) for t in tables for c in t.diagnostic.columns if c.kind != "curve"]
    return [(name, column) for name, column in known if column.shown] or known[:FEW]


def by_weight(tables: Sequence[Table]) -> dict[tuple[Group, str], dict[str, Row]]:
    """The rows of each group and weight by diagnostic."""
    rows: dict[tuple[Group, str], dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            rows.setdefault((row.group, row.weight.name), {})[table.diagnostic.name] = row
    return rows


def _write_coverage(console: Console, name: str, coverage: Coverage) -> None:
    console.print()
    console.print(Text(for_terminal(f"{name}{coverage.analysed} of {coverage.tensors} tensors analysed.")))
    for reason, count in coverage.reasons():
        console.print(Text(for_terminal(f"  {count} left out: {reason}"), "dim"))


def write_words(console: Console, report: Report) -> None:
    """What the diagnostics say, in sentences."""
    for summary in report.summaries().values():
        console.print()
        console.print(Text(for_terminal(summary.headline), "bold"))
        for finding in summary.findings:
            console.print(Text(for_terminal(f"  {finding.severity}: {finding.text}. {finding.why}")))


def brief(value: object) -> str:
    """Three digits for people, a whole number in full; absent is a dash.

    >>> brief(3.14159), brief(20_000.0), brief(None)
    ('3.14', '20000', '–')
    """
    return "–" if value is None else format_value(value, 3)
