"""The command line: `eigenscope serve | worker | analyze | doctor`.

Exit codes: 0 done; 1 the doctor found something wrong; 2 the command was used wrongly; 3 a file could not be analysed.
"""

import csv
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from analysis.device import best_device
from analysis.diagnostic import Request
from analysis.diagnostics import DIAGNOSTICS, requests
from analysis.errors import CheckpointError, OptionError
from analysis.formats import OpenCheckpoint, open_checkpoint
from analysis.report import Report, analyze, record

if TYPE_CHECKING:
    from app.settings import Settings

NOT_ANALYSED = 3
SHOWN = {"esd": ("alpha", "D", "num_pl_spikes", "warning"), "norms": ("stable_rank", "sv_max")}
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
              help="What to measure; give it more than once for several. Default: everything.")  # fmt: skip
@click.option("--option", "settings", multiple=True, metavar="DIAGNOSTIC.NAME=VALUE", help="Say how to measure it.")
@click.option("--device", default=best_device, help="cpu or cuda. Default: cuda where there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, the object that the API gives.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the first diagnostic's table as CSV.")
def analyze_command(
    files: tuple[Path, ...], names: tuple[str, ...], settings: tuple[str, ...], device: str, as_json: bool, as_csv: bool
) -> None:
    """Analyse one checkpoint: a file, all its shards, or their folder. Needs no service."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv each print to standard output: choose one")
    asked = chosen(names, settings)
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
    asked: dict[str, dict[str, object]] = {name: {} for name in names or [d.name for d in DIAGNOSTICS]}
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
    rows = [record(row) for row in report.tables[0].rows]
    writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]) if rows else ["weight"])
    writer.writeheader()
    writer.writerows(rows)


def write_table(report: Report) -> None:
    console = Console()
    shown = [t.diagnostic.column(name) for t in report.tables for name in SHOWN.get(t.diagnostic.name, ())]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Layer", overflow="fold")
    table.add_column("Shape", justify="right", style="dim", no_wrap=True)
    for column in shown:
        table.add_column(column.title, justify="left" if column.kind == "text" else "right", no_wrap=True)
    for row in merged(report).values():
        values = (brief(row.get(column.name)) for column in shown)
        table.add_row(Text(row["label"]), "{} × {}".format(*row["shape"]), *values)
    console.print(table)
    write_words(console, report)


def merged(report: Report) -> Mapping[str, dict[str, Any]]:
    """One record per weight, with the columns of every table."""
    rows: dict[str, dict[str, Any]] = {}
    for table in report.tables:
        for row in table.rows:
            rows.setdefault(row.weight.name, {}).update(record(row))
    return rows


def write_words(console: Console, report: Report) -> None:
    covered = report.coverage
    console.print(f"\n{covered.analysed} of {covered.tensors} tensors analysed.", highlight=False)
    for reason, count in covered.reasons():
        console.print(f"  {count} left out: {reason}", markup=False, highlight=False, style="dim")
    for summary in report.summaries().values():
        console.print(f"\n{summary.headline}", markup=False, highlight=False, style="bold")
        for finding in summary.findings:
            console.print(f"  {finding.severity}: {finding.text}. {finding.why}", markup=False, highlight=False)


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
