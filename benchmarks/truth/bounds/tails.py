"""How often a shift of all tails is said where there is none: `python -m benchmarks.truth.bounds.tails`.

Two fine-tunes of one base by one recipe, which differ in the order of their data alone, one compared with the other:
neither has the heavier tails but by chance. The sign test takes their matrices as independent, which those of one
model need not be. Beside them: each of them compared with the base.
"""

from collections.abc import Iterator, Sequence

import click
import torch

from benchmarks.truth.bounds.tunes import recipes, tune, update_of
from benchmarks.truth.models import Recipe, trained
from benchmarks.truth.scorer import interval

MODELS = ("llama", "gpt", "encoder", "llama wide")  # those with eight matrices or more
RATE = 0.3


def pairs(recipe: Recipe, seed: int, runs: int) -> Iterator[tuple[str, bool]]:
    """Of each two fine-tunes and no fine-tune twice, and of some with their base, whether a shift is said."""
    tuned = [tune(recipe, seed, 0, RATE, run) for run in range(runs)]
    for one, other in zip(tuned[::2], tuned[1::2], strict=True):
        yield "of one recipe", "tail-shift" in update_of(one, other)[1]
    for one in tuned[::4]:
        yield "base and fine-tune", "tail-shift" in update_of(trained(recipe, seed), one)[1]


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, type=int, default=(0, 1), show_default=True, help="Of one half.")
@click.option("--held-back", "fresh_seeds", multiple=True, type=int, default=(7, 8), show_default=True)
@click.option("--runs", default=12, show_default=True, help="Fine-tunes of each base.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
def main(seeds: Sequence[int], fresh_seeds: Sequence[int], runs: int, models: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    click.echo("| model | compared | pairs | a shift said | 95 % of that share |\n|---|---|---|---|---|")
    every: list[tuple[str, bool]] = []
    for recipe in recipes(models):
        found = [pair for seed in (fresh_seeds if recipe.held_back else seeds) for pair in pairs(recipe, seed, runs)]
        click.echo("\n".join(lines(recipe.name, found)))
        every += found
    click.echo("\n".join(lines("all", every)))


def lines(model: str, found: Sequence[tuple[str, bool]]) -> Iterator[str]:
    for what in dict.fromkeys(name for name, _ in found):
        said = [flag for name, flag in found if name == what]
        low, high = interval(sum(said), len(said))
        yield f"| {model} | {what} | {len(said)} | {sum(said)} | {low:.0%} to {high:.0%} |"


if __name__ == "__main__":
    main()
