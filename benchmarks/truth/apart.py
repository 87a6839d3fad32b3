"""How often layers are noted as apart from their siblings: `python -m benchmarks.truth.apart`, for docs/truth.md.

Of models held back, on which no bound of these notes was set: each matrix with two siblings or more as it is, and
changed as the table says, so that the note would be true. What is asked is the summary that a report shows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import click
import torch
from torch import Tensor

from analysis.diagnostic import Finding, Request, Row, Table
from analysis.diagnostics import requests
from analysis.diagnostics.entries.odd import ABOVE, KURTOSIS, testable
from analysis.findings.apart import apart_findings
from analysis.findings.siblings import siblings_of
from analysis.weight import Weight
from benchmarks.truth.faults import Noise
from benchmarks.truth.models import RECIPES, Recipe, trained
from benchmarks.truth.scorer import interval, report_of

REQUESTS: Mapping[str, Request] = {
    request.diagnostic.name: request for request in requests({"entries": {}, "random_matrix": {}, "farms": {}})
}
Change = Callable[[Tensor, Noise], Tensor]


@dataclass(frozen=True, slots=True)
class Asked:
    """A change, and the notes of one diagnostic that it makes true."""

    diagnostic: str
    find: Callable[[Sequence[Row]], Iterable[Finding]]
    change: Change


def said(diagnostic: str, words: str) -> Callable[[Sequence[Row]], list[Finding]]:
    """The findings of the summary of such rows that have these words."""
    of = REQUESTS[diagnostic].diagnostic
    return lambda rows: [note for note in of.summarise(Table(of, tuple(rows))).findings if words in note.text]


def keep(weight: Tensor, _: Noise) -> Tensor:
    return weight


def draw_anew(weight: Tensor, noise: Noise) -> Tensor:
    return weight.std() * torch.randn(weight.shape, generator=noise)


def enlarge_some(weight: Tensor, noise: Noise) -> Tensor:
    return torch.where(torch.rand(weight.shape, generator=noise) < 0.01, 5.0 * weight, weight)


def add_noise(size: float) -> Change:
    """So many times as large as the weight."""
    return lambda weight, noise: weight + size * weight.std() * torch.randn(weight.shape, generator=noise)


def enlarge_entries(count: int) -> Change:
    """Entries that are each as long as the edge of noise three times over, at places of their own."""

    def change(weight: Tensor, noise: Noise) -> Tensor:
        flat = weight.clone().flatten()
        sides = len(weight), weight[0].numel()
        places = torch.randperm(len(flat), generator=noise)[:count]
        flat[places] = 3.0 * float(weight.std()) * (sides[0] ** 0.5 + sides[1] ** 0.5)
        return flat.reshape(weight.shape)

    return change


FEWER, TAILS = partial(apart_findings, compared=ABOVE), partial(apart_findings, compared=KURTOSIS)
BULK, TRAPS, SOME_TRAPS = (said("random_matrix", words) for words in ("bulk of noise than", "traps than", "traps"))
FARMS_TAIL = said("farms", "er tail than")
CHANGES: Mapping[str, Asked] = {
    "as it is, above random": Asked("entries", FEWER, keep),
    "as it is, kurtosis": Asked("entries", TAILS, keep),
    "drawn anew, above random": Asked("entries", FEWER, draw_anew),
    "a hundredth 5 times as large, kurtosis": Asked("entries", TAILS, enlarge_some),
    "as it is, edge of the bulk": Asked("random_matrix", BULK, keep),
    "noise of its size added, edge of the bulk": Asked("random_matrix", BULK, add_noise(1.0)),
    "noise twice its size added, edge of the bulk": Asked("random_matrix", BULK, add_noise(2.0)),
    "as it is, traps beside siblings": Asked("random_matrix", TRAPS, keep),
    "eight large entries, traps beside siblings": Asked("random_matrix", TRAPS, enlarge_entries(8)),
    "as it is, traps": Asked("random_matrix", SOME_TRAPS, keep),
    "drawn anew, traps": Asked("random_matrix", SOME_TRAPS, draw_anew),
    "one large entry, traps": Asked("random_matrix", SOME_TRAPS, enlarge_entries(1)),
    "as it is, α FARMS": Asked("farms", FARMS_TAIL, keep),
    "drawn anew, α FARMS": Asked("farms", FARMS_TAIL, draw_anew),
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
    rows = [row for row in rows if row.weight.name == row.weight.tensor in state and siblings_of(row, rows)]
    for name, request in REQUESTS.items():
        own = [measure(row, state[row.weight.tensor], request) for row in rows]
        for at, row in enumerate(own):
            for what, asked in CHANGES.items():
                if asked.diagnostic == name:
                    noise = torch.Generator().manual_seed(1000 * seed + at)
                    changed = measure(row, asked.change(state[row.weight.tensor], noise), request)
                    family = [changed if one is row else one for one in siblings_of(row, own)]
                    yield what, any(row.weight.name in note.weights for note in asked.find(family))


def measure(row: Row, matrix: Tensor, request: Request) -> Row:
    info = row.weight
    slices = matrix.reshape(info.rows, info.columns, -1).movedim(-1, 0).contiguous()
    return Row(info, row.group, request.diagnostic.compute((Weight(info, slices),), request.options))


if __name__ == "__main__":
    main()
