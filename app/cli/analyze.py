"""`eigenscope analyze` and `eigenscope compare`: reads checkpoints and prints a report. Needs no service."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analysis.checkpoint import OpenCheckpoint
from analysis.diagnostic import Request, Scope
from analysis.diagnostics import DIAGNOSTICS, check_scopes, requests
from analysis.diagnostics.first_look.cost import Prediction, predict
from analysis.diagnostics.first_look.diagnostic import FIRST_LOOK
from analysis.engine.comparison import compare, distinct
from analysis.engine.single import analyze
from analysis.errors import CheckpointError, OptionError, WrongBase
from analysis.formats import Checkpoint, open_checkpoint
from analysis.report import Report
from analysis.weight import TensorInfo
from app.cli.listing.order import LAYER, Choice, check_sort, sortable_columns
from app.cli.listing.tables import write_comparison, write_table
from app.cli.options import INPUT, NamedChoice, device_option
from app.cli.output import OUT, end, errors, writable, write_csv, write_json
from app.storage.kept_results import kept_results

NOT_ANALYSED = 3
ALONE = [known for known in DIAGNOSTICS if known.scope is Scope.ONE]
DEFAULT = [known.name for known in ALONE if known.default]
WORDS = {"yes": True, "true": True, "no": False, "false": False}
GENERIC = ("model", "pytorch_model", "adapter_model")  # file names that say less than their folder's

Command = Callable[..., Any]
Write = Callable[[Report], None]
WriteForPeople = Callable[[Report, Choice], None]


def complete_column(context: click.Context, parameter: click.Parameter, start: str) -> list[str]:
    """The columns of numbers that begin so, for the shell's completion."""
    return [name for name in (LAYER, *sortable_columns(DIAGNOSTICS)) if name.startswith(start)]


def reporting(command: Command) -> Command:
    """The options that both commands have: how to measure, on what, and how to print."""
    for option in reversed((
        click.option("--option", "settings", multiple=True, metavar="DIAGNOSTIC.NAME=VALUE",
                     help="Set an option of a diagnostic."),
        device_option,
        click.option("--memory-limit", "memory", type=click.IntRange(min=1), envvar="EIGENSCOPE_MEMORY_LIMIT",
                     metavar="BYTES", help="Memory limit for one tensor. Default: the available memory."),
        click.option("--no-cache", "fresh", is_flag=True, envvar="EIGENSCOPE_NO_CACHE",
                     help="Measure everything, also what an earlier command measured on the same tensors."),
        click.option("--json", "as_json", is_flag=True,
                     help="Print the report as JSON, the same object as the API returns."),
        click.option("--csv", "as_csv", is_flag=True, help="Print the first diagnostic's table as CSV."),
        click.option("--html", "html_file", type=OUT,
                     help="Also write the report as one HTML file that opens offline, with its figures."),
        click.option("--full", is_flag=True, help="List every matrix and every finding, not only the first 15."),
        click.option("--sort", default="", metavar="COLUMN", shell_complete=complete_column,
                     help="List the matrices with the largest value of a column first, such as alpha; "
                          "the smallest with alpha:asc; in the order of the network with layer."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.command("analyze")
@click.argument("files", nargs=-1, required=True, type=INPUT)
@click.option("--diagnostic", "names", multiple=True, type=NamedChoice([d.name for d in ALONE]),
              help=f"What to measure; repeat it for several. Default: {' and '.join(DEFAULT)}.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Use every diagnostic. Takes several times as long.")
@click.option(
    "--quick",
    is_flag=True,
    help="A first look: exact norms, bounds on the largest singular values, estimates of the tails. "
    "Large models take a tenth of the time or less.",
)
@click.option("--part", help="Analyse the tensors under this prefix instead: a copy that is left out, such as ema.")
@reporting
def analyze_command(
    files: tuple[Path, ...],
    names: tuple[str, ...],
    everything: bool,
    quick: bool,
    part: str | None,
    settings: tuple[str, ...],
    device: str,
    memory: int | None,
    fresh: bool,
    as_json: bool,
    as_csv: bool,
    html_file: Path | None,
    full: bool,
    sort: str,
) -> None:
    """Analyse one checkpoint: a file, all its shards, or their folder. Needs no service."""
    requests = choose_requests(choose_names(names, everything, quick), settings)
    write = writer(as_json, as_csv, write_table, Choice(full, sort), requests)
    check_writable(html_file)
    with refusals():
        checkpoint = open_checkpoint(files, part)
        if checkpoint.kind == "adapter":
            message = "this is an adapter: compare it with its base: eigenscope compare BASE ADAPTER"
            raise WrongBase(message, "adapter-alone")
        if quick:
            write_prediction(predict(checkpoint.tensors))
        kept = None if fresh else kept_results([(checkpoint, part)], device)
        with progress([checkpoint]) as callback:
            report = analyze(checkpoint, requests, device, callback, memory, kept)
    write_html(html_file, report, name_paths(files[:1]), [checkpoint])
    write(report)


@click.command("compare")
@click.argument("base", type=INPUT)
@click.argument("tuned", nargs=-1, required=True, type=INPUT)
@click.option("--diagnostic", "names", multiple=True, type=NamedChoice([d.name for d in DIAGNOSTICS]),
              help="What to measure; repeat it for several. Default: those that compare with the base.")  # fmt: skip
@reporting
def compare_command(
    base: Path,
    tuned: tuple[Path, ...],
    names: tuple[str, ...],
    settings: tuple[str, ...],
    device: str,
    memory: int | None,
    fresh: bool,
    as_json: bool,
    as_csv: bool,
    html_file: Path | None,
    full: bool,
    sort: str,
) -> None:
    """Compare fine-tunes with their BASE: full fine-tunes and adapters, each a file or a folder."""
    paths = [base, *tuned]
    requests = choose_requests(names, settings, len(paths))
    write = writer(as_json, as_csv, write_comparison, Choice(full, sort), requests)
    check_writable(html_file)
    with refusals():
        checkpoints = [open_path(path) for path in paths]
        kept = None if fresh else kept_results([(checkpoint, None) for checkpoint in checkpoints], device)
        with progress(checkpoints[:1]) as callback:
            report = compare(checkpoints, requests, name_paths(paths), device, callback, memory=memory, kept=kept)
    write_html(html_file, report, report.names, checkpoints)
    write(report)


def choose_names(names: Sequence[str], everything: bool, quick: bool) -> Sequence[str]:
    """The diagnostics that these options mean; none for the default ones. Raises click.UsageError."""
    if everything + quick + bool(names) > 1:
        raise click.UsageError("--all, --quick and --diagnostic each say what to measure: choose one")
    return [d.name for d in ALONE] if everything else [FIRST_LOOK.name] if quick else names


def write_prediction(seconds: Prediction) -> None:
    """How long it will take, before it begins."""
    exact, first = (describe_time(each) for each in (seconds.exact, seconds.first_look))
    errors.print(f"Predicted: first look {first}, exact {exact}.", highlight=False)


def describe_time(seconds: float) -> str:
    """A predicted time, no more exact than it is.

    >>> [describe_time(seconds) for seconds in (0.4, 42.0, 831.0, 20000.0)]
    ['under 1 s', '42 s', '14 min', '5.6 h']
    """
    if seconds < 1.0:
        return "under 1 s"
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"


def writer(as_json: bool, as_csv: bool, for_people: WriteForPeople, choice: Choice, asked: Sequence[Request]) -> Write:
    """How the report is printed. Raises click.UsageError for two forms at once, BadParameter for an unknown column."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv each print to standard output: choose one")
    if as_json or as_csv:
        return write_json if as_json else write_csv
    check_sort(choice.sort, [request.diagnostic for request in asked])
    return lambda report: for_people(report, choice)


def check_writable(path: Path | None) -> None:
    """Raises click.UsageError for a file that cannot be written, before there is anything to write."""
    if path is not None:
        writable(path)


def write_html(path: Path | None, report: Report, names: Sequence[str], checkpoints: Sequence[Checkpoint]) -> None:
    """The report as one file, where it is asked for."""
    if path is not None:
        from app.cli.document import write_document  # templates and figures, which no other form needs

        write_document(path, report, names, checkpoints)


def choose_requests(names: Sequence[str], settings: Sequence[str], checkpoints: int = 1) -> tuple[Request, ...]:
    """The requests that the command line's --diagnostic and --option mean."""
    default = [request.diagnostic.name for request in requests(None, checkpoints)]
    options: dict[str, dict[str, object]] = {name: {} for name in names or default}
    for setting in settings:
        place, equals, value = setting.partition("=")
        diagnostic, dot, name = place.partition(".")
        if not equals or not dot or diagnostic not in options:
            raise click.BadParameter(f"{setting!r} is not DIAGNOSTIC.NAME=VALUE of a chosen diagnostic")
        options[diagnostic][name] = parse_option(diagnostic, name, value)
    try:
        result = requests(options)
        check_scopes(result, checkpoints)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error
    return result


def parse_option(diagnostic: str, name: str, text: str) -> object:
    """What the text is to that option: yes, no, true and false in any case, where it takes yes or no; else as typed."""
    answer = WORDS.get(text.strip().lower())
    options = (option for entry in DIAGNOSTICS if entry.name == diagnostic for option in entry.options)
    takes = next((option for option in options if option.name == name), None)
    if answer is not None and takes is not None:
        if isinstance(takes.default, bool):
            return answer
        if set(takes.choices) == {"yes", "no"}:
            return "yes" if answer else "no"
    return parse_value(text)


def parse_value(text: str) -> object:
    """A number, true, false or null where the text reads as one in JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def open_path(path: Path) -> Checkpoint:
    """The checkpoint; an error says which of several it is."""
    try:
        return open_checkpoint([path])
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}", error.code) from error


def name_paths(paths: Sequence[Path]) -> tuple[str, ...]:
    """What to call the checkpoints: by their files or folders, no two the same.

    >>> name_paths([Path("runs/base/model.safetensors"), Path("runs/lora"), Path("full.safetensors")])
    ('base', 'lora', 'full')
    """
    full_paths = [path.absolute() for path in paths]
    return distinct([p.name if p.is_dir() or not p.suffix else _of_file(p) for p in full_paths])


def _of_file(path: Path) -> str:
    return path.parent.name if path.stem in GENERIC and path.parent.name else path.stem


@contextmanager
def refusals() -> Iterator[None]:
    """What cannot be analysed ends the command, with a code and a sentence."""
    try:
        yield
    except CheckpointError as error:
        fail(error.code, str(error))
    except OSError as error:
        fail("unreadable-file", f"{error.filename or 'the file'} cannot be read: {error.strerror or error}")


@contextmanager
def progress(checkpoints: Sequence[OpenCheckpoint]) -> Iterator[Callable[[TensorInfo], None]]:
    """A bar on the standard error that goes on with each tensor that it hears of."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        total = sum(tensor.skip is None for checkpoint in checkpoints for tensor in checkpoint.tensors)
        task = bar.add_task("matrices", total=total)
        yield lambda info: bar.advance(task, info.skip is None)


def fail(code: str, text: str) -> NoReturn:
    end(code, text, NOT_ANALYSED)
