"""`eigenscope prescribe`: checkpoints, or a report, in; a folder with a prescription and its files out. No service."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.text import Text

from analysis.errors import IncompleteReport, OptionError, PrescriptionError, TensorError, WrongMembers
from analysis.formats.pytorch.optimizer import OptimizerState, is_optimizer_file, read_optimizer
from analysis.prescriptions import PRESCRIPTIONS, Rule, rule
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Prescription
from analysis.prescriptions.recorded import RecordedReport, read_report
from analysis.prescriptions.settings import parse_settings
from analysis.prescriptions.writing import write
from app.cli.analyze import fail, name_paths, open_path, progress, refusals
from app.cli.listing.tables import brief
from app.cli.listing.terminal import console, plain_grid
from app.cli.options import INPUT, device_option
from app.cli.output import write_object
from app.escaping import for_terminal

MOST = 40  # entries that are printed


@click.command("prescribe")
@click.argument("kind", metavar="KIND", type=click.Choice([known.name for known in PRESCRIPTIONS]))
@click.argument("files", nargs=-1, required=True, type=INPUT)
@click.option("--option", "settings", multiple=True, metavar="NAME=VALUE", help="Set an option of the rule.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="Output folder; new or empty.")  # fmt: skip
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def prescribe_command(
    kind: str, files: tuple[Path, ...], settings: tuple[str, ...], out: Path, device: str, as_json: bool
) -> None:
    """Compute the prescription KIND from FILES: checkpoints, the base first, or a report of `analyze --json`."""
    chosen_rule = rule(kind)
    try:
        options = chosen_rule.settings(parse_settings(chosen_rule, settings))
    except OptionError as error:
        raise click.BadParameter(error.message) from error
    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty, and files are never overwritten: choose another --out")
    with refusals():
        try:
            reports, paths = split_reports(files)
            state, paths = split_optimizer(chosen_rule, paths)
            checkpoints = tuple(open_path(path) for path in paths)
            with progress(checkpoints[:1]) as callback:
                members = Members(
                    checkpoints, name_paths(paths), reports[0] if reports else None, device, callback, state
                )
                prescription = chosen_rule.prescribe(members, options)
            names = write(prescription, out)
        except (PrescriptionError, TensorError, OptionError) as error:
            fail(error.code, error.message)
    if as_json:
        write_object(prescription.to_json())
    else:
        write_words(chosen_rule, prescription, out, names)


def split_reports(files: Sequence[Path]) -> tuple[list[RecordedReport], list[Path]]:
    """Reports in JSON, and the checkpoints. Raises IncompleteReport where there are two reports, or one is none."""
    reports = [path for path in files if path.is_file() and path.suffix == ".json"]
    if len(reports) > 1:
        raise IncompleteReport("give one report, with or without the checkpoints that it was measured on")
    return [read_report(path.read_bytes()) for path in reports], [path for path in files if path not in reports]


def split_optimizer(chosen: Rule, paths: Sequence[Path]) -> tuple[OptimizerState | None, list[Path]]:
    """The state of an optimizer, where the rule reads one, and the checkpoints. Raises WrongMembers for two of them."""
    states = [path for path in paths if chosen.optimizer and path.is_file() and is_optimizer_file(path)]
    if len(states) > 1:
        raise WrongMembers("give the state of one optimizer, with the checkpoint of the same step last")
    rest = [path for path in paths if path not in states]
    if states and not rest:
        raise WrongMembers(f"{states[0]} is the state of an optimizer: give the checkpoint of the same step with it")
    return (read_optimizer(states[0]) if states else None), rest


def write_words(chosen: Rule, prescription: Prescription, out: Path, names: Sequence[str]) -> None:
    """For people: the entries, what is to be known about them, and the files."""
    terminal, answer = console(), prescription.answer
    grid = plain_grid()
    titles = list(dict.fromkeys(name for details in answer.details.values() for name in details))
    grid.add_column("Tensor", overflow="fold")
    for title in (chosen.value, *(title.replace("_", " ") for title in titles)):
        grid.add_column(title, justify="right")
    for name, value in list(answer.entries.items())[:MOST]:
        details = answer.details.get(name, {})
        grid.add_row(Text(for_terminal(name)), brief(value), *(brief(details.get(title)) for title in titles))
    terminal.print(grid)
    if len(answer.entries) > MOST:
        terminal.print(Text(f"and {len(answer.entries) - MOST} more: prescription.json has all", "dim"))
    for line in _lines(chosen, prescription):
        terminal.print(Text(for_terminal(line)))
    terminal.print(Text(for_terminal(f"Written to {out}: {', '.join(names)}")))


def _lines(chosen: Rule, prescription: Prescription) -> list[str]:
    answer = prescription.answer
    doubt = answer.doubt
    return [
        "",
        *(
            [f"Not carried by the evidence: {doubt.reason} The uniform choice is {brief(doubt.uniform)}."]
            if doubt
            else []
        ),
        *([f"Exponents: {answer.estimator}."] if answer.estimator else []),
        *answer.notes,
        f"Validated on: {prescription.validated_on}",
        f"Source: {chosen.reference}",
    ]
