"""Reports as tables for people: one checkpoint's matrices, and what changed between several."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from analysis.diagnostic import Column, Row, Scope, Severity, Table
from analysis.findings.wording import format_value
from analysis.names.short import cut_labels, short_names
from analysis.report import Report
from app.cli.listing.order import Choice, Group, Key, Rows, mark_weights, pick
from app.cli.listing.sentences import STYLES, write_coverage, write_sentences
from app.cli.listing.terminal import LONGEST, NARROW, console, layer_grid
from app.escaping import for_terminal

FEW = 3  # columns of a report in which none is marked to be shown
SIGNS = {Severity.BAD: "✗", Severity.WARN: "!"}  # before the layers that findings name
Shown = Sequence[tuple[str, Column]]  # columns, each with its diagnostic's name


def write_table(report: Report, choice: Choice) -> None:
    """One checkpoint: what is said of it, then its matrices, those with findings first."""
    terminal = console()
    write_sentences(terminal, report, choice.full)
    _write_rows(terminal, report, report.tables, choice)
    write_coverage(terminal, "", report.coverage)


def write_comparison(report: Report, choice: Choice) -> None:
    """Several checkpoints: what is said of them, what changed in each, and where most."""
    terminal, names = console(), report.names
    report = with_names(report, short_names(names))
    for short, name in zip(report.names, names, strict=True):
        if short != name:
            terminal.print(Text(for_terminal(f"{short}: {name}"), "dim"))
    write_sentences(terminal, report, choice.full)
    for table in report.tables:
        if table.diagnostic.scope is not Scope.ONE:
            _write_groups(terminal, report, table, choice)
            _write_rows(terminal, report, [table], choice)
    alone = [table for table in report.tables if table.diagnostic.scope is Scope.ONE]
    if alone:
        _write_rows(terminal, report, alone, choice)
    for name, coverage in zip(report.names, report.coverage.members, strict=True):
        write_coverage(terminal, f"{name}: ", coverage)


def with_names(report: Report, names: Sequence[str]) -> Report:
    """The report with other names of its checkpoints."""
    tables = tuple(replace(table, names=tuple(names)) for table in report.tables)
    return replace(report, names=tuple(names), tables=tables)


def _write_groups(terminal: Console, report: Report, table: Table, choice: Choice) -> None:
    """The numbers of each group over the model: a line for each group, a column for each number."""
    groups = report.summaries[table.diagnostic.name].groups
    numbers = _first_numbers(table, groups.values())
    if not groups:
        return
    names = [for_terminal(name_group(report.names, group)) for group in groups]
    columns = [Column(name, name.replace("_", " "), "") for name in numbers]
    grid = layer_grid(["Layer"], columns, names)
    grid.columns[0].header = Text(f"{table.diagnostic.name}, whole model")
    for values, name in list(zip(groups.values(), names, strict=True))[: choice.most]:
        grid.add_row(name, *(Text(brief(values.get(number))) for number in numbers))
    terminal.print()
    terminal.print(grid)
    if choice.most is not None and len(groups) > choice.most:
        terminal.print(Text(f"and {len(groups) - choice.most} more: --full lists all", "dim"))


def _first_numbers(table: Table, numbers: Iterable[Mapping[str, object]]) -> list[str]:
    """The numbers to be seen first: those of the shown columns, and those of no column."""
    names = list(dict.fromkeys(name for group in numbers for name in group))
    columns = {column.name for column in table.diagnostic.columns}
    shown = {column.name for column in table.diagnostic.columns if column.shown}
    some = [name for name in names if name in shown]
    return some or [name for name in names if name not in columns][:4] or names[:FEW]


def _write_rows(terminal: Console, report: Report, tables: Sequence[Table], choice: Choice) -> None:
    """The rows of these tables that the choice wants, and how many more there are."""
    shown, rows = shown_columns(tables), by_weight([table.in_network_order() for table in tables])
    several = len(report.names) > 1
    marks = _marks(report, tables)
    keys = pick(rows, marks, choice, ".".join((shown[0][0], shown[0][1].name)) if several and shown else "")
    if not keys:
        return
    terminal.print()
    headings = [*(["Checkpoint"] if several else []), "Layer", *(["Shape"] if terminal.width >= NARROW else [])]
    layers = _label_layers(rows, keys, marks, LONGEST if terminal.width < NARROW else None)
    grid = layer_grid(headings, [column for _, column in shown], [layer.plain for layer in layers])
    for key, layer in zip(keys, layers, strict=True):
        grid.add_row(*_cells(rows, key, layer, report.names, headings), *_values(rows[key], shown))
    terminal.print(grid)
    if len(keys) < len(rows):
        text = f"and {len(rows) - len(keys)} more: --full lists all, --sort COLUMN puts the largest first"
        terminal.print(Text(text, "dim"))


def _marks(report: Report, tables: Sequence[Table]) -> dict[str, Severity]:
    """The worst that is said of each weight, by the findings on these tables and by those on the entries."""
    summaries, names = report.summaries, {table.diagnostic.name for table in tables}
    return mark_weights(
        (finding.severity, finding.weights)
        for name, summary in summaries.items()
        if name in names
        for finding in summary.findings
    )


def _label_layers(
    rows: Rows, keys: Sequence[Key], marks: Mapping[str, Severity], width: int | None
) -> list[Text]:  # fmt: skip
    """What each row is of, with the sign of what is said of it, within a width where there is one."""
    labels = [for_terminal(next(iter(rows[key].values())).weight.label) for key in keys]
    signed = any(value in SIGNS for value in marks.values())
    if width is not None:
        labels = cut_labels(labels, width - 2 if signed else width)
    return [_sign(label, marks.get(key[1]), signed) for key, label in zip(keys, labels, strict=True)]


def _sign(label: str, mark: Severity | None, signed: bool) -> Text:
    sign = SIGNS.get(mark, " ") if mark else " "
    return Text(f"{sign} {label}" if signed else label, STYLES[mark] if mark else "")


def _cells(rows: Rows, key: Key, layer: Text, names: Sequence[str], headings: Sequence[str]) -> list[Text]:
    info = next(iter(rows[key].values())).weight
    cells = {
        "Checkpoint": Text(for_terminal(name_group(names, key[0]))) if len(names) > 1 else Text(""),
        "Layer": layer,
        "Shape": Text(f"{info.rows} × {info.columns}"),
    }
    return [cells[heading] for heading in headings]


def name_group(names: Sequence[str], group: Group) -> str:
    """What a group is about: the tuned checkpoints in it, or the one.

    >>> name_group(["base", "lora", "full"], (0, 1, 2))
    'lora, full'
    """
    return ", ".join(names[position] for position in (group[1:] or group))


def _values(rows: Mapping[str, Row], shown: Shown) -> list[Text]:
    return [Text(brief(rows[name].value(column.name) if name in rows else None)) for name, column in shown]


def shown_columns(tables: Sequence[Table]) -> list[tuple[str, Column]]:
    """The columns to be seen first, each with its diagnostic's name."""
    columns = [(t.diagnostic.name, c) for t in tables for c in t.diagnostic.columns if c.kind != "curve"]
    return [(name, column) for name, column in columns if column.shown] or columns[:FEW]


def by_weight(tables: Sequence[Table]) -> dict[Key, dict[str, Row]]:
    """The rows of each group and weight by diagnostic."""
    rows: dict[Key, dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            rows.setdefault((row.group, row.weight.name), {})[table.diagnostic.name] = row
    return rows


def brief(value: object) -> str:
    """Three digits for people, a whole number in full; absent is a dash.

    >>> brief(3.14159), brief(20_000.0), brief(None)
    ('3.14', '20000', '–')
    """
    return "–" if value is None else format_value(value, 3)
