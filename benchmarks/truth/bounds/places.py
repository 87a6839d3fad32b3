"""How often a change is said to sit in a few blocks: `python -m benchmarks.truth.bounds.places`.

Fine-tunes in which all blocks were trained alike, as they are, and with the update of one block times a factor. NARROW
of analysis/diagnostics/update/profile.py was set before, without them.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import click
import torch
from torch import Tensor

from analysis.diagnostic import Measurement, Row
from analysis.diagnostics.update.profile import find_concentration, profile
from analysis.names import depth_of, role_of
from analysis.weight import WeightInfo
from benchmarks.truth.bounds.tunes import recipes, tune
from benchmarks.truth.models import Language, Recipe, State, trained
from benchmarks.truth.scorer import interval

DEEP = Recipe("llama deep", partial(Language, 48, 12, 4, False, 0.02), True, 300, 2e-3, 0.1, held_back=True)
SHALLOW = ("mlp", "mlp sgd", "cnn", "cnn stages")  # no blocks by their names
RATES, TIMES = (0.1, 1.0), (1.5, 2.0, 3.0, 5.0)
Updates = Mapping[str, Tensor]


def updates_of(base: State, tuned: State) -> Updates:
    return {name: tuned[name] - base[name] for name in base if base[name].ndim == 2}


def rows_of(updates: Updates, block: int | None = None, times: float = 1.0) -> list[Row]:
    """What the profile looks at, with the update of one block so many times as large."""
    rows = []
    for name, update in updates.items():
        info = WeightInfo(name, name, len(update), update.shape[1], 1, role_of(name), depth_of(name))
        factor = times if block is not None and info.depth == block else 1.0
        rows.append(Row(info, (0, 1), Measurement({"norm": factor * float(update.norm())})))
    return rows


def named(rows: Sequence[Row]) -> list[int]:
    """The blocks that are said to hold the change; none where nothing is said."""
    found = profile(rows)
    return (find_concentration(found) or []) if found else []


def cases(updates: Updates) -> Iterator[tuple[str, bool, bool]]:
    """Each change, whether a place is named, and whether it is the block that was changed and no other."""
    said = named(rows_of(updates))
    yield "as it is", bool(said), False
    blocks = sorted({row.weight.depth for row in rows_of(updates) if row.weight.depth is not None})
    for times in TIMES:
        for block in blocks:
            said = named(rows_of(updates, block, times))
            yield f"one block {times:g} times", bool(said), said == [block]


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="Of one half.")
@click.option("--held-back", "fresh_seeds", multiple=True, type=int, default=(7,), show_default=True)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: all with blocks.")
def main(seeds: Sequence[int], fresh_seeds: Sequence[int], models: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    click.echo("| model | blocks | change | fine-tunes | a place named | it alone | 95 % of that share |")
    click.echo("|---" * 7 + "|")
    chosen = [*recipes(models), *([DEEP] if not models or DEEP.name in models else [])]
    for recipe in chosen:
        if recipe.name in SHALLOW:
            continue
        found: list[tuple[str, bool, bool]] = []
        for seed in fresh_seeds if recipe.held_back else seeds:
            base = trained(recipe, seed)
            for task in (0, 1):
                for rate in RATES:
                    found += cases(updates_of(base, tune(recipe, seed, task, rate)))
        count = len({depth_of(name) for name in base} - {None})
        click.echo("\n".join(lines(recipe.name, count, found)))


def lines(model: str, blocks: int, found: Sequence[tuple[str, bool, bool]]) -> Iterator[str]:
    for what in dict.fromkeys(one[0] for one in found):
        some = [one for one in found if one[0] == what]
        said, right = sum(one[1] for one in some), sum(one[2] for one in some)
        low, high = interval(right, len(some))
        alone = ("–", "–") if what == "as it is" else (str(right), f"{low:.0%} to {high:.0%}")
        yield f"| {model} | {blocks} | {what} | {len(some)} | {said} | {' | '.join(alone)} |"


if __name__ == "__main__":
    main()
