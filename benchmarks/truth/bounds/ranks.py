"""Whether half the rank does as well where it is said to be unused: `python -m benchmarks.truth.bounds.ranks`.

LoRA of several ranks on the small models, each trained again with half of its rank. UNUSED of
analysis/diagnostics/update/summary.py was set before, without them. What counts is the loss on the adapter's own task:
how much of what the adapter gained the half of it gains.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import click
import torch
from safetensors.torch import save_file

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from benchmarks.truth.adapters import SCALE, TASKS, Factors, adapt, write
from benchmarks.truth.bounds.tunes import loss, recipes
from benchmarks.truth.models import Batches, Recipe, State, trained
from benchmarks.truth.scorer import interval

RANKS = (4, 8, 16, 32)
AS_WELL = 0.98  # of the gain


@dataclass(frozen=True, slots=True)
class Adapted:
    """One adapter: whether half of its rank was called unused, and the share of its gain that half the rank gains."""

    rank: int
    used: float  # median effective rank
    said: bool
    kept: float


def merge(base: State, factors: Factors) -> State:
    return base | {f"{name}.weight": base[f"{name}.weight"] + SCALE * b @ a for name, (a, b) in factors.items()}


def judge(base: State, factors: Factors, rank: int) -> tuple[float, bool]:
    """The median effective rank, and whether the note on it is there."""
    with tempfile.TemporaryDirectory() as folder:
        files = write(factors, Path(folder), rank)
        save_file(base, Path(folder) / "base.safetensors")
        found = [open_checkpoint([Path(folder) / "base.safetensors"]), open_checkpoint(files)]
        report = compare(found, requests({"update": {"turns": "no"}}, 2), ("base", "adapter"))
    causes = [one.cause.name for one in report.summaries["update"].findings if one.cause is not None]
    return median(report.tables[0].numbers("effective_rank")), "unused-rank" in causes


def cases(recipe: Recipe, seed: int, task: Callable[[], Batches]) -> Iterator[Adapted]:
    base = trained(recipe, seed)
    after_training = partial(loss, recipe, batches=task)
    before = after_training(base)
    found = {rank: adapt(recipe, base, task, seed, rank) for rank in (RANKS[0] // 2, *RANKS)}
    gains = {rank: before - after_training(merge(base, factors)) for rank, factors in found.items()}
    for rank in RANKS:
        used, said = judge(base, found[rank], rank)
        yield Adapted(rank, used, said, gains[rank // 2] / gains[rank])


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="Of one half.")
@click.option("--held-back", "fresh_seeds", multiple=True, type=int, default=(7,), show_default=True)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: all but the convolutional ones.")
def main(seeds: Sequence[int], fresh_seeds: Sequence[int], models: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    click.echo("| half | note | adapters | ranks | in use | half the rank gains | as well | 95 % of that share |")
    click.echo("|---" * 8 + "|")
    halves: dict[str, list[Adapted]] = {"set": [], "held back": []}
    for recipe in recipes(models):
        if recipe.name.startswith("cnn"):
            continue  # one linear layer, and that of ten outputs
        for seed in fresh_seeds if recipe.held_back else seeds:
            for task in TASKS[recipe.text]:
                halves["held back" if recipe.held_back else "set"] += cases(recipe, seed, task)
    for half, found in halves.items():
        click.echo("\n".join(lines(half, found)))


def lines(half: str, found: Sequence[Adapted]) -> Iterator[str]:
    for said in (True, False):
        some = [one for one in found if one.said is said]
        if not some:
            continue
        kept, shares = sorted(one.kept for one in some), [one.used / one.rank for one in some]
        well = sum(one >= AS_WELL for one in kept)
        low, high = interval(well, len(some))
        ranks = ", ".join(f"{sum(one.rank == rank for one in some)} of {rank}" for rank in RANKS)
        cells = (
            half,
            "unused" if said else "none",
            len(some),
            ranks,
            f"{min(shares):.0%} to {max(shares):.0%}",
            f"{kept[0]:.0%} to {kept[-1]:.0%}, median {median(kept):.0%}",
            well,
            f"{low:.0%} to {high:.0%}",
        )
        yield f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
