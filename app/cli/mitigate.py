"""`eigenscope mitigate`: a base and a fine-tuned checkpoint in, a folder with the mitigated one out. No service."""

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from analysis.errors import MitigationError, OptionError
from analysis.findings.wording import percent, quantity
from analysis.formats import Checkpoint
from analysis.mitigation import OPTIONS, RANK, MitigationOptions, MitigationReport, write_mitigated
from app.cli.analyze import fail, name_paths, open_path, progress, refusals
from app.cli.listing.terminal import plain_grid
from app.cli.options import INPUT, device_option
from app.cli.output import write_object
from app.escaping import for_terminal

HELP = {option.name: option.meaning for option in (*OPTIONS, RANK)}
DEFAULT = {option.name: option.default for option in OPTIONS}


@click.command("mitigate")
@click.argument("base", type=INPUT)
@click.argument("tuned", type=INPUT)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="Output folder; new or empty.")  # fmt: skip
@click.option("--lambda", "factor", type=float, default=DEFAULT["lambda"], show_default=True, help=HELP["lambda"])
@click.option("--k", type=int, default=DEFAULT["k"], show_default=True, help=HELP["k"])
@click.option("--epsilon", type=float, default=DEFAULT["epsilon"], show_default=True, help=HELP["epsilon"])
@click.option("--only", default=DEFAULT["only"], show_default=True, help=HELP["only"])
@click.option("--rank", type=int, help=HELP["rank"])
@click.option("--form", default=DEFAULT["form"], show_default=True, help=HELP["form"])
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def mitigate_command(
    base: Path, tuned: Path, out: Path, factor: float, device: str, as_json: bool, **asked: object
) -> None:
    """Shrink or amplify the intruder dimensions of TUNED, which was trained from BASE."""
    try:
        recipe = MitigationOptions.of({"lambda": factor, **asked})
    except OptionError as error:
        raise click.BadParameter(error.message) from error
    with refusals():
        report = _mitigate(open_path(base), open_path(tuned), out, recipe, name_paths([base, tuned]), device)
    if as_json:
        write_object(report.to_json())
    else:
        write(report, out)


def _mitigate(
    base: Checkpoint, tuned: Checkpoint, out: Path, recipe: MitigationOptions, names: tuple[str, ...], device: str
) -> MitigationReport:
    """Writes the folder, which is as it was where that is refused."""
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty, and files are never overwritten: choose another --out")
    try:
        with progress([base]) as callback:
            return write_mitigated(base, tuned, out, recipe, (names[0], names[1]), device, callback)
    except BaseException as error:
        if is_new:
            out.rmdir()
        if isinstance(error, MitigationError):
            fail(error.code, error.message)
        raise


def write(report: MitigationReport, out: Path) -> None:
    """For people: the matrices that had an intruder, and the sums."""
    console = Console()
    grid = plain_grid()
    grid.add_column("Layer", overflow="fold")
    for title in ("Shape", "Intruders before", "after", "Rank", "Energy lost"):
        grid.add_column(title, justify="right")
    for matrix in report.changed:
        shape, energy = f"{matrix.weight.rows} × {matrix.weight.columns}", matrix.energy
        counts = str(matrix.before), "–" if matrix.after is None else str(matrix.after)
        cells = (_ranks(energy.rank_before, energy.rank), percent(energy.lost)) if energy else ("–", "–")
        grid.add_row(Text(for_terminal(matrix.weight.label)), shape, *counts, *cells)
    console.print(grid)
    for line in describe_mitigation(report):
        console.print(Text(for_terminal(line)))
    console.print(Text(f"Written to {out}: {', '.join(report.files)}"))


def _ranks(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} → {after}"


def describe_mitigation(report: MitigationReport) -> list[str]:
    """What was done, in sentences."""
    matrices = f"{len(report.changed)} of {quantity(len(report.weights), 'matrix', 'matrices')}"
    lines = ["", f"{quantity(report.before, 'intruder')} in {matrices} before, {report.after} after."]
    if report.energy_lost is not None:
        lines.append(
            f"Brought back to a low rank, the mitigated updates lost {percent(report.energy_lost)} of their energy."
        )
    lines += _own_rank(report)
    lines += [f"Not examined: {each.weight.name}: {each.note}" for each in report.weights if each.before is None]
    return [*lines, *(f"Left out: {each}" for each in report.left_out)]


def _own_rank(report: MitigationReport) -> list[str]:
    """That a rank was asked for which is below what the modules have, and is not followed."""
    rank = report.recipe.rank
    modules = {each.weight.tensor for each in report.changed if rank and each.energy and each.energy.rank_before > rank}
    text = f"Rank {rank} is below the present rank of {quantity(len(modules), 'module')}, which was kept."
    return [text] if modules else []
