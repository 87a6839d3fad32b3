"""Whether updates that are called large went with forgetting: `python -m benchmarks.truth.bounds.large`.

Fine-tunes of the small models at 0.03 to 1 times the rate of their base, on other data and on the base's own. LARGE of
analysis/diagnostics/update/summary.py was set before, without them. Forgetting is how much the loss on data like the
base's grew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

import click
import torch

from benchmarks.truth.bounds.tunes import OWN, loss, recipes, tune, update_of
from benchmarks.truth.models import Recipe, trained
from benchmarks.truth.scorer import interval

FACTORS = (0.03, 0.1, 0.3, 1.0)
GROWN = 0.1  # nats from which on a loss is counted as grown


@dataclass(frozen=True, slots=True)
class Tuned:
    """One fine-tune, and whether it was said that its update is large."""

    base: str  # model and seed
    own: bool  # trained on the base's own data
    factor: float
    size: float  # largest relative_norm of a matrix
    said: bool
    grown: float  # loss on the base's data, less that of the base


def fine_tunes(recipe: Recipe, seed: int) -> Iterator[Tuned]:
    base = trained(recipe, seed)
    before = loss(recipe, base)
    for task, factor in product(range(OWN + 1), FACTORS):
        tuned = tune(recipe, seed, task, factor)
        rows, findings = update_of(base, tuned)
        size = max(float(row.value("relative_norm") or 0.0) for row in rows)
        grown = loss(recipe, tuned) - before
        yield Tuned(f"{recipe.name} {seed}", task == OWN, factor, size, "large-update" in findings, grown)


def order(found: Sequence[Tuned]) -> tuple[int, int]:
    """Of pairs of one base, one called large and one not: in how many the large one forgot more, and how many."""
    pairs = [
        one.grown > other.grown
        for one, other in product(found, found)
        if one.base == other.base and one.said and not other.said
    ]
    return sum(pairs), len(pairs)


def lines(half: str, found: Sequence[Tuned]) -> Iterator[str]:
    for own, factor in product((False, True), FACTORS):
        some = [one for one in found if (one.own, one.factor) == (own, factor)]
        if some:
            cells = (
                half,
                "the base's" if own else "other",
                f"{factor:g}",
                len(some),
                sum(one.said for one in some),
                f"{median(one.size for one in some):.0%}",
                f"{median(one.grown for one in some):+.2f}",
            )
            yield f"| {' | '.join(map(str, cells))} |"


def shares(half: str, found: Sequence[Tuned]) -> Iterator[str]:
    """Of those called large, and of the others, how many forgot."""
    for own, said in product((False, True), (True, False)):
        some = [one for one in found if (one.own, one.said) == (own, said)]
        grown = sum(one.grown > GROWN for one in some)
        low, high = interval(grown, len(some))
        data, word = "the base's" if own else "other", "large" if said else "not large"
        yield f"| {half} | {data} | {word} | {len(some)} | {grown} | {low:.0%} to {high:.0%} |"


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="Of one half.")
@click.option("--held-back", "fresh_seeds", multiple=True, type=int, default=(7,), show_default=True)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: all.")
def main(seeds: Sequence[int], fresh_seeds: Sequence[int], models: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    halves: dict[str, list[Tuned]] = {"set": [], "held back": []}
    for recipe in recipes(models):
        for seed in fresh_seeds if recipe.held_back else seeds:
            halves["held back" if recipe.held_back else "set"] += fine_tunes(recipe, seed)
    click.echo("| half | data | times the rate | fine-tunes | called large | largest update | loss grew by |")
    click.echo("|---|---|---|---|---|---|---|")
    for half, found in halves.items():
        click.echo("\n".join(lines(half, found)))
    click.echo(
        "\n| half | data | update | fine-tunes | loss grew by 0.1 or more | 95 % of that share |\n" + "|---" * 6 + "|"
    )
    for half, found in halves.items():
        click.echo("\n".join(shares(half, found)))
    for half, found in halves.items():
        more, pairs = order(found)
        click.echo(f"\n{half}: of {pairs} pairs, the one called large forgot more in {more}")


if __name__ == "__main__":
    main()
