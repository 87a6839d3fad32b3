"""The command line: `eigenscope serve | worker | analyze | doctor`.

Exit codes: 0 done; 1 the doctor found something wrong; 2 the command was used wrongly; 3 a file could not be analysed.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from analysis.device import best_device
from analysis.diagnostic import Column, Request, Row
from analysis.diagnostics import DIAGNOSTICS, requests
from analysis.errors import CheckpointError, OptionError
from analysis.formats import OpenCheckpoint, open_checkpoint
from analysis.report import Report, analyze

if TYPE_CHECKING:
    from app.settings import Settings

NOT_ANALYSED = 3
FEW = 3  # columns of a report in which none is marked to be shown
errors = Console(stderr=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eigenscope")
def main() -> None:
    """What the spectra of your network's weights say."""


@main.command()
@click.option("--host", help="Address to listen at. Anything but this machine's own needs EIGENSCOPE_TOKEN.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 picks a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where files and reports are kept.")
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Serve the pages and the API, with a worker beside them unless a broker is configured."""
    from app import main as service  # imports the web; `analyze` should not wait for that

    service.serve(settings(host=host, port=port, data_dir=data_dir))


def settings(**asked: object) -> "Settings":
    """The environment's settings, with what the command line says in their place. A wrong one is a usage error."""
    from pydantic import ValidationError

    from app.settings import Settings

    try:
        return Settings(**{name: value for name, value in asked.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        found = error.errors()[0]
        name = "_".join(["EIGENSCOPE", *map(str, found["loc"])]).upper()
        said = found["msg"].removeprefix("Value error, ")
        raise click.UsageError(said if not found["loc"] else f"{name}: {said}, not {found['input']!r}") from error


@main.command()
def worker() -> None:
    """Run one worker against EIGENSCOPE_DATABASE_URL and EIGENSCOPE_BROKER_URL. Start one per GPU."""
    from app.queue import worker_command

    command = worker_command()
    os.execv(command[0], command)


@main.command("analyze")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--diagnostic", "names", multiple=True, type=click.Choice([d.name for d in DIAGNOSTICS]),
              help="What to measure; give it more than once for several. Default: esd and norms.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Measure with every diagnostic. Takes several times as long.")
@click.option("--option", "settings", multiple=True, metavar="DIAGNOSTIC.NAME=VALUE", help="Say how to measure it.")
@click.option("--device", default=best_device, help="cpu or cuda. Default: cuda where there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, the object that the API gives.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the first diagnostic's table as CSV.")
def analyze_command(
    files: tuple[Path, ...],
    names: tuple[str, ...],
    everything: bool,
    settings: tuple[str, ...],
    device: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Analyse one checkpoint: a file, all its shards, or their folder. Needs no service."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv each print to standard output: choose one")
    if everything and names:
        raise click.UsageError("--all is every diagnostic: leave out --diagnostic")
    asked = chosen([d.name for d in DIAGNOSTICS] if everything else names, settings)
    try:
        checkpoint = open_checkpoint(files)
        report = with_progress(checkpoint, asked, device)
    except CheckpointError as error:
        fail(error.code, str(error))
    except OSError as error:
        fail("unreadable-file", f"{error.filename or 'the file'} cannot be read: {error.strerror or error}")
    write: Callable[[Report], None] = write_json if as_json else write_csv if as_csv else write_table
    write(report)


def chosen(names: Sequence[str], settings: Sequence[str]) -> tuple[Request, ...]:
    """The requests that the command line's --diagnostic and --option mean."""
    asked: dict[str, dict[str, object]] = {name: {} for name in names or [d.name for d in DIAGNOSTICS if d.default]}
    for setting in settings:
        place, equals, value = setting.partition("=")
        diagnostic, dot, name = place.partition(".")
        if not equals or not dot or diagnostic not in asked:
            raise click.BadParameter(f"{setting!r} is not DIAGNOSTIC.NAME=VALUE of a diagnostic that is asked for")
        asked[diagnostic][name] = typed(value)
    try:
        return requests(asked)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


def typed(text: str) -> object:
    """A number, true, false or null where the text reads as one in JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def with_progress(checkpoint: OpenCheckpoint, asked: Sequence[Request], device: str) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        work = [tensor for tensor in checkpoint.tensors if tensor.skip is None]
        task = bar.add_task("matrices", total=len(work))
        return analyze(checkpoint, asked, device, lambda info: bar.advance(task, info.skip is None))


def fail(code: str, said: str) -> NoReturn:
    errors.print(f"[bold red]{code}[/]", end=" ")
    errors.print(said, markup=False, highlight=False)
    sys.exit(NOT_ANALYSED)


def write_json(report: Report) -> None:
    json.dump(report.to_json(), sys.stdout, allow_nan=False, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def write_csv(report: Report) -> None:
    from app.tables import to_csv

    sys.stdout.writelines(to_csv(report.tables[0]))


def write_table(report: Report) -> None:
    console = Console()
    shown = shown_columns(report)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Layer", overflow="fold")
    table.add_column("Shape", justify="right", style="dim", no_wrap=True)
    for _, column in shown:
        table.add_column(column.title, justify="left" if column.kind == "text" else "right", no_wrap=True)
    for rows in by_weight(report).values():
        info = next(iter(rows.values())).weight
        values = (brief(rows[name].value(column.name) if name in rows else None) for name, column in shown)
        table.add_row(Text(harmless(info.label)), f"{info.rows} × {info.columns}", *values)
    console.print(table)
    write_words(console, report)


def shown_columns(report: Report) -> list[tuple[str, Column]]:
    """The columns to be seen first, each with its diagnostic's name."""
    known = [(t.diagnostic.name, c) for t in report.tables for c in t.diagnostic.columns if c.kind != "curve"]
    return [(name, column) for name, column in known if column.shown] or known[:FEW]


def by_weight(report: Report) -> Mapping[str, dict[str, Row]]:
    """The rows of each weight by diagnostic."""
    rows: dict[str, dict[str, Row]] = {}
    for table in report.tables:
        for row in table.rows:
            rows.setdefault(row.weight.name, {})[table.diagnostic.name] = row
    return rows


def write_words(console: Console, report: Report) -> None:
    def say(text: str, style: str | None = None) -> None:
        console.print(Text(harmless(text), style or ""))

    covered = report.coverage
    say("")
    say(f"{covered.analysed} of {covered.tensors} tensors analysed.")
    for reason, count in covered.reasons():
        say(f"  {count} left out: {reason}", "dim")
    for summary in report.summaries().values():
        say("")
        say(summary.headline, "bold")
        for finding in summary.findings:
            say(f"  {finding.severity}: {finding.text}. {finding.why}")


def harmless(text: str) -> str:
    """Text out of a stranger's file without what a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def brief(value: object) -> str:
    """Three digits for people; absent is a dash."""
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Check versions, devices, database, broker and disk, and say how to mend what is wrong."""
    from app.doctor import examine

    checks = examine(settings())
    if as_json:
        click.echo(json.dumps([check.to_json() for check in checks], indent=1))
    else:
        for check in checks:
            click.echo(f"{'✓' if check.good else '✗'} {check.subject}: {check.found}")
            if not check.good:
                click.echo(f"  → {check.mend}")
    sys.exit(int(not all(check.good for check in checks)))
