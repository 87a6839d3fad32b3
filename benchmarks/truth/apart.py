"""How often layers are noted as apart from their siblings: `python -m benchmarks.truth.apart`, for docs/truth.md.

Of models held back, on which no bound of analysis/findings/apart.py was set: each matrix with two siblings or more as
it is, drawn anew (fewer eigenvalues above random), and with a hundredth of its entries five times as large (heavier
tails).
"""

from collections.abc import Callable, Iterator, Mapping

import click
import torch
from torch import Tensor

from analysis.diagnostic import Row
from analysis.diagnostics import requests
from analysis.diagnostics.entries.odd import ABOVE, KURTOSIS, testable
from analysis.findings.apart import Compared, apart_findings
from analysis.findings.siblings import siblings_of
from analysis.weight import Weight
from benchmarks.truth.faults import Noise
from benchmarks.truth.models import RECIPES, Recipe, trained
from benchmarks.truth.scorer import interval, report_of

(ENTRIES,) = requests({"entries": {}})


def draw_anew(weight: Tensor, noise: Noise) -> Tensor:
    return weight.std() * torch.randn(weight.shape, generator=noise)


def enlarge_some(weight: Tensor, noise: Noise) -> Tensor:
    return torch.where(torch.rand(weight.shape, generator=noise) < 0.01, 5.0 * weight, weight)


CHANGES: Mapping[str, tuple[Callable[[Tensor, Noise], Tensor], Compared]] = {
    "as it is, above random": (lambda weight, _: weight, ABOVE),
    "as it is, kurtosis": (lambda weight, _: weight, KURTOSIS),
    "drawn anew, above random": (draw_anew, ABOVE),
    "a hundredth 5 times as large, kurtosis": (enlarge_some, KURTOSIS),
}


@click.command(help=__doc__)
@click.option("--seed", default=7, show_default=True)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: those held back.")
def main(seed: int, models: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    chosen = [recipe for recipe in RECIPES if (recipe.name in models if models else recipe.held_back)]
    found = [case for recipe in chosen for case in cases(recipe, seed)]
    click.echo("| matrix, column | matrices | noted | 95 % of that share |\n|---|---|---|---|")
    for name in CHANGES:
        noted = [is_noted for kind, is_noted in found if kind == name]
        low, high = interval(sum(noted), len(noted))
        click.echo(f"| {name} | {len(noted)} | {sum(noted)} | {low:.0%} to {high:.0%} |")


def cases(recipe: Recipe, seed: int) -> Iterator[tuple[str, bool]]:
    """Each change of each matrix that has siblings, and whether a note names it."""
    state = trained(recipe, seed)
    rows = [row for table in report_of(state).tables if table.diagnostic.name == "entries" for row in table.rows]
    rows = [row for row in rows if row.value("state") is not None and testable(row)]
    for at, row in enumerate(rows):
        family = siblings_of(row, rows)
        matrix = state.get(row.weight.tensor)
        if not family or matrix is None or row.weight.name != row.weight.tensor:
            continue
        for name, (change, compared) in CHANGES.items():
            changed = measure(row, change(matrix, torch.Generator().manual_seed(1000 * seed + at)))
            others = [changed if one is row else one for one in family]
            yield name, any(row.weight.name in note.weights for note in apart_findings(others, compared))


def measure(row: Row, matrix: Tensor) -> Row:
    info = row.weight
    slices = matrix.reshape(info.rows, info.columns, -1).movedim(-1, 0).contiguous()
    return Row(info, row.group, ENTRIES.diagnostic.compute((Weight(info, slices),), ENTRIES.options))


if __name__ == "__main__":
    main()
