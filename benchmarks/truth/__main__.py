"""What is said of models, against what is true of them.

`python -m benchmarks.truth` prints the tables of docs/truth.md. The thresholds were set
on the models that are not held back; those that are were scored once, with seeds of their
own, after all thresholds had been set. Published models: benchmarks/truth/public.py.
"""

from collections.abc import Iterator, Sequence

import click
import torch

from benchmarks.truth.models import RECIPES, Recipe, fresh, trained
from benchmarks.truth.others import CLEAN
from benchmarks.truth.scorer import Case, Clean, by, clean, interval, planted


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, default=(0, 1, 2), show_default=True, help="Where thresholds were set.")
@click.option(
    "--held-back", "fresh_seeds", multiple=True, default=(7, 8), show_default=True, help="Of those held back."
)
@click.option("--clean", "clean_only", is_flag=True, help="Only the models without a fault.")
def main(seeds: tuple[int, ...], fresh_seeds: tuple[int, ...], clean_only: bool) -> None:
    torch.set_num_threads(1)
    if clean_only:
        click.echo("\n".join(clean_table(seeds, fresh_seeds)))
        return
    cases: list[Case] = []
    for held_back in (False, True):
        recipes = [recipe for recipe in RECIPES if recipe.held_back is held_back]
        found = [case for recipe in recipes for case in cases_of(recipe, fresh_seeds if held_back else seeds)]
        cases += found
        click.echo(f"\n{'Held back' if held_back else 'Where the thresholds were set'}\n")
        click.echo("\n".join(table(found, "model")))
    click.echo("\n".join(["", *table(cases, "kind")]))
    click.echo("\n".join(["", *clean_table(seeds, fresh_seeds)]))


def cases_of(recipe: Recipe, seeds: Sequence[int]) -> Iterator[Case]:
    for seed in seeds:
        yield from planted(recipe.name, trained(recipe, seed), seed)


def table(cases: Sequence[Case], attribute: str) -> Iterator[str]:
    """How many planted layers were named, and only they, with the interval of the share."""
    yield f"| {attribute} | planted | named | named and only it | 95 % of that share |"
    yield "|---|---|---|---|---|"
    for name, some in [*by(cases, attribute).items(), ("all", cases)]:
        right = sum(case.named and case.only for case in some)
        low, high = interval(right, len(some))
        named = sum(case.named for case in some)
        yield f"| {name} | {len(some)} | {named} | {right} | {low:.0%} to {high:.0%} |"


def clean_table(seeds: Sequence[int], fresh_seeds: Sequence[int]) -> Iterator[str]:
    """Warnings on models without a fault, and verdicts on whole models, after and before training."""
    yield "| clean model | models | warnings | called untrained | at initialisation, called untrained |"
    yield "|---|---|---|---|---|"
    for recipe in (*RECIPES, *CLEAN):
        chosen = fresh_seeds if recipe.held_back else seeds
        after = [clean(recipe.name, trained(recipe, seed)) for seed in chosen]
        before = [clean(recipe.name, fresh(recipe, seed)) for seed in chosen]
        called = sum(map(_is_untrained, before))
        wrong = sum(model.misjudged for model in after)
        warned = sum(len(model.warned) for model in after)
        yield f"| {recipe.name} | {len(chosen)} | {warned} | {wrong} | {called} of {len(chosen)} |"


def _is_untrained(model: Clean) -> bool:
    return any(line.startswith("Untrained") for line in model.headlines)


if __name__ == "__main__":
    main()
