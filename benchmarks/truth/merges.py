"""Whether merges are told: two fine-tunes of one base, merged in the usual ways, beside what is no merge.

`python -m benchmarks.truth.merges` prints a table of how often they are. The bounds of
analysis/diagnostics/overlap/merges.py were chosen with some of the models held back in sight (docs/truth.md).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import click
import torch
from torch import Tensor

from analysis.diagnostic import Measurement, Row, Table
from analysis.diagnostics.overlap.diagnostic import OVERLAP
from analysis.diagnostics.overlap.merges import merge_findings
from analysis.findings.grouping import group_rows
from analysis.names import depth_of, role_of
from analysis.weight import WeightInfo
from benchmarks.truth.adapters import capital_letters, renamed_digits, reversed_letters, turned_digits
from benchmarks.truth.kinds import matrices
from benchmarks.truth.models import RECIPES, Batches, Recipe, State, digits, text, train, trained

HEADING = (
    "| half | third | models | called a merge | called so in part | said of another | share |\n"
    "|---|---|---|---|---|---|---|"
)
STEPS, RATE = 100, 5e-4
Merge = Callable[[Tensor, Tensor, Tensor], Tensor]  # of the base and the two
TASKS: dict[bool, tuple[Callable[[], Batches], ...]] = {
    True: (reversed_letters, capital_letters, text),
    False: (turned_digits, renamed_digits, digits),
}


def slerp(base: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Half way on the arc between the two weights."""
    angle = torch.acos((one.flatten() @ other.flatten() / (one.norm() * other.norm())).clamp(-1.0, 1.0))
    if float(angle) < 1e-4:
        return (one + other) / 2.0
    return (torch.sin(angle / 2.0) / torch.sin(angle)) * (one + other)


def ties(base: Tensor, one: Tensor, other: Tensor, density: float = 0.5) -> Tensor:
    """TIES: the largest entries of each update, of these the sign with more weight, and their mean (2306.01708)."""
    updates = [update - base for update in (one, other)]
    kept = [torch.where(u.abs() > u.abs().flatten().quantile(1.0 - density), u, 0.0) for u in updates]
    both = torch.stack(kept)
    agreed = (both.sign() == both.sum(0).sign()) & (both != 0.0)
    return base + (both * agreed).sum(0) / agreed.sum(0).clamp(min=1)


def dropped(density: float, base: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """DARE: such a share of the entries of each update at random, larger by as much (2311.03099)."""
    noise = torch.Generator().manual_seed(5)
    masks = [(torch.rand(base.shape, generator=noise) < density) / density for _ in range(2)]
    return base + 0.5 * (masks[0] * (one - base) + masks[1] * (other - base))


MERGES: Mapping[str, Merge] = {
    "mean": lambda _, one, other: 0.5 * (one + other),
    "3 to 7": lambda _, one, other: 0.3 * one + 0.7 * other,
    "sum of updates": lambda base, one, other: one + other - base,
    "mean in bfloat16": lambda _, one, other: (0.5 * (one + other)).bfloat16().float(),
    "SLERP": slerp,
    "TIES, half kept": ties,
    "TIES, a fifth kept": lambda base, one, other: ties(base, one, other, 0.2),
    "DARE, nine tenths kept": partial(dropped, 0.9),
    "DARE, half kept": partial(dropped, 0.5),
    "DARE, a fifth kept": partial(dropped, 0.2),
}


def tune(recipe: Recipe, start: State, batches: Callable[[], Batches], seed: int, steps: int = STEPS) -> State:
    return train(replace(recipe, steps=steps, rate=RATE, batches=batches), seed, start)


def made(recipe: Recipe, seed: int) -> Iterator[tuple[str, State, State, State, State]]:
    """(what, base, one, other, the third)."""
    base = trained(recipe, seed)
    one, other, third = (tune(recipe, base, task, 500 + seed + at) for at, task in enumerate(TASKS[recipe.text]))
    for what, merge in MERGES.items():
        yield what, base, one, other, {name: merge(base[name], one[name], other[name]) for name in weights(base)}
    again = tune(recipe, base, TASKS[recipe.text][0], 600 + seed)
    longer = tune(recipe, one, TASKS[recipe.text][0], 700 + seed)
    onwards = tune(recipe, one, TASKS[recipe.text][1], 800 + seed)
    yield "mean with a third", base, one, other, {name: (one[name] + other[name] + third[name]) / 3.0 for name in base}
    yield "none: a third task", base, one, other, third
    yield "none: one of the tasks again", base, one, other, again
    yield "none: the first, trained longer", base, one, other, longer
    yield "none: the first, then the other task", base, one, other, onwards


def weights(state: State) -> list[str]:
    return [name for name, _ in matrices(state)]


def told(base: State, *tuned: State) -> tuple[str, float]:
    """What is said of the third beside the other two, and the share in their plane: 0 where nothing is said.

    "merge", "in part", "" for nothing, or "of another" where it is said of one of the two.
    """
    rows = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for name in weights(base):
            height, width = base[name].flatten(1).shape
            info = WeightInfo(name, name, height, width, 1, role_of(name), depth_of(name))
            one, other = ((tuned[place][name] - base[name]).flatten().double() for place in (i, j))
            cosine = float(torch.cosine_similarity(one, other, dim=0))
            rows.append(Row(info, (0, i + 1, j + 1), Measurement({"cosine": cosine})))
    return said_of(rows)


def said_of(rows: Sequence[Row]) -> tuple[str, float]:
    """The same, from the cosines of the three updates."""
    table = Table(OVERLAP, tuple(rows), ("base", "one", "other", "third"))
    found = list(merge_findings(table, group_rows(rows)))
    if not found:
        return "", 0.0
    if len(found) > 1 or not found[0].text.startswith("third "):
        return "of another", 0.0
    return "merge" if "as a merge" in found[0].text else "in part", float(found[0].evidence["share"] or 0.0)


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, default=(0, 1, 2), show_default=True, help="Of one half.")
@click.option("--held-back", "fresh_seeds", multiple=True, default=(7, 8), show_default=True, help="Of the other half.")
@click.option("--model", "models", multiple=True, help="Of these models alone, such as mlp; may be given again.")
def main(seeds: Sequence[int], fresh_seeds: Sequence[int], models: Sequence[str]) -> None:
    torch.set_num_threads(1)
    click.echo(HEADING)
    for held_back in (False, True):
        found: dict[str, list[tuple[str, float]]] = {}
        for recipe in RECIPES:
            if recipe.held_back is held_back and (not models or recipe.name in models):
                for seed in fresh_seeds if held_back else seeds:
                    for what, *states in made(recipe, seed):
                        found.setdefault(what, []).append(told(*states))
        for what, some in found.items():
            click.echo(line("held back" if held_back else "set", what, some))


def line(half: str, what: str, some: Sequence[tuple[str, float]]) -> str:
    """A line of the table: of how many models the third is called what, and the shares behind it."""
    counts = [sum(said == word for said, _ in some) for word in ("merge", "in part", "of another")]
    shares = [share for _, share in some]
    span = f"{min(shares):.2f} to {max(shares):.2f}"
    return f"| {half} | {what} | {len(some)} | {' | '.join(map(str, counts))} | {span} |"


if __name__ == "__main__":
    main()
