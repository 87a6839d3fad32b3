"""What is said of published models: `python -m benchmarks.truth.public FILE… [--plant]`, for docs/truth.md.

Nobody planted anything in them, so that every warning is taken to be false until somebody has looked. With `--plant`
each kind of fault is planted in each model too, a layer at a time.
"""

from pathlib import Path

import click
import torch

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from benchmarks.truth.models import State
from benchmarks.truth.scorer import Case, planted, warnings_of


@click.command(help=__doc__)
@click.option("--plant", is_flag=True, help="Plant the faults too: some minutes for each model.")
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(plant: bool, checkpoints: tuple[Path, ...]) -> None:
    torch.set_num_threads(1)
    click.echo("| checkpoint | matrices | warnings | called untrained |\n|---|---|---|---|")
    said: list[str] = []
    for file in checkpoints:
        report = analyze(open_checkpoint([file]), requests())
        warned = warnings_of(report)
        untrained = any(summary.headline.startswith("Untrained") for summary in report.summaries.values())
        click.echo(f"| {file.name} | {len(report.tables[0].rows)} | {len(warned)} | {'yes' if untrained else 'no'} |")
        said += [f"{file.name}: {finding.severity}: {finding.text}. {finding.why}" for finding in warned]
    click.echo("\n".join(["", *said]))
    for file in checkpoints if plant else ():
        show_planted(file.name, list(planted(file.name, state_of(file), 0)))


def state_of(file: Path) -> State:
    checkpoint = open_checkpoint([file])
    return {info.name: checkpoint.read(info.name) for info in checkpoint.tensors}


def show_planted(name: str, cases: list[Case]) -> None:
    right = sum(case.named and case.only for case in cases)
    click.echo(f"\n{name}: {right} of {len(cases)} planted faults named, and nothing else")
    for case in cases:
        if not (case.named and case.only):
            click.echo(f"- {case.kind} in {case.layer}: {'; '.join(case.said) or 'nothing'}")


if __name__ == "__main__":
    main()
