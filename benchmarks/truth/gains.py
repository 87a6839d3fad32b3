"""How often a norm's gain is told as of another size: `python -m benchmarks.truth.gains [FILE…]`, for docs/truth.md.

The bound of analysis/tensors/gains.py is a factor, and was set before any of these was looked at. Each gain that the
same norm has in three blocks or more is counted as it is, and then alone times each of some factors; so are those of
the published checkpoints that are given.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import torch

from analysis.formats import open_checkpoint
from analysis.formats.effective.broken import gain_sizes
from analysis.tensors.gains import is_gain, odd_gains, ratios
from benchmarks.truth.models import RECIPES, State, trained
from benchmarks.truth.others import CLEAN
from benchmarks.truth.scorer import interval

FACTORS = (1.0, 10.0, 15.0, 30.0, 1.0 / 30.0, 100.0, 0.0)
Sizes = Mapping[str, float]


@click.command(help=__doc__)
@click.option("--seed", default=7, show_default=True)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: all that have such gains.")
@click.argument("checkpoints", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(seed: int, models: tuple[str, ...], checkpoints: tuple[Path, ...]) -> None:
    torch.set_num_threads(1)
    recipes = [recipe for recipe in (*RECIPES, *CLEAN) if not models or recipe.name in models]
    found = {recipe.name: sizes_of(trained(recipe, seed)) for recipe in recipes}
    found |= {file.name: gain_sizes(open_checkpoint([file]).stored) for file in checkpoints}
    found = {name: sizes for name, sizes in found.items() if ratios(sizes)}
    click.echo("| model | gains with siblings | farthest from them |\n|---|---|---|")
    for name, sizes in found.items():
        click.echo(f"| {name} | {len(ratios(sizes))} | {farthest(sizes):.2f} times |")
    click.echo("\n| one gain times | gains | told | 95 % of that share |\n|---|---|---|---|")
    for factor in FACTORS:
        told = [one for sizes in found.values() for one in is_told(sizes, factor)]
        low, high = interval(sum(told), len(told))
        click.echo(f"| {factor:.3g} | {len(told)} | {sum(told)} | {low:.0%} to {high:.0%} |")


def sizes_of(state: State) -> Sizes:
    """The root mean squares of the gains of norms."""
    gains = {name: gain for name, gain in state.items() if gain.ndim == 1 and is_gain(name)}
    return {name: float(gain.double().square().mean().sqrt()) for name, gain in gains.items()}


def farthest(sizes: Sizes) -> float:
    """The largest factor between a gain and the nearest of its siblings, from 1."""
    return max(max(ratio, 1.0 / ratio) for ratio in ratios(sizes).values() if ratio > 0.0)


def is_told(sizes: Sizes, factor: float) -> Iterator[bool]:
    """Of each gain, whether it is told once it alone is so many times as large."""
    for name in ratios(sizes):
        yield name in odd_gains({**sizes, name: factor * sizes[name]})


if __name__ == "__main__":
    main()
