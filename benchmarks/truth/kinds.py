"""Whether the kinds of change are told on models that set no bound: `python -m benchmarks.truth.kinds`.

Each matrix of the models held back is changed in each way, and once by training on: 40 steps of AdamW at 1e-4. The
bounds of analysis/diagnostics/update/kinds.py were set on drawn matrices.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import click
import torch
from torch import Tensor, nn

from analysis.diagnostics.update.kinds import kind_of_change
from analysis.weight import Weight, WeightInfo
from benchmarks.truth.models import RECIPES, Recipe, State, digits, text, trained
from benchmarks.truth.scorer import interval

SMALLEST, STEPS, RATE = 32, 40, 1e-4
Change = Callable[[Tensor, torch.Generator], Tensor]


def _noisy(size: float) -> Change:
    return lambda w, noise: w + size * w.std() * torch.randn(w.shape, generator=noise)


def _permuted(w: Tensor, noise: torch.Generator) -> Tensor:
    return w[torch.randperm(len(w), generator=noise)][:, torch.randperm(w.shape[1], generator=noise)]


def _quantised(w: Tensor, _: torch.Generator) -> Tensor:
    scale = w.abs().amax(1, keepdim=True) / 127
    return torch.round(w / scale) * scale


CHANGES: Mapping[str, tuple[str, Change]] = {
    "permuted rows and columns": ("permuted", _permuted),
    "noise, 1 %": ("noise", _noisy(0.01)),
    "noise, 30 %": ("noise", _noisy(0.3)),
    "times 0.9": ("scaled", lambda w, _: 0.9 * w),
    "bfloat16": ("cast", lambda w, _: w.bfloat16().float()),
    "drawn anew": ("new", lambda w, noise: w.std() * torch.randn(w.shape, generator=noise)),
    "8 bits by rows": ("quantised", _quantised),
    "half pruned": ("pruned", lambda w, _: torch.where(w.abs() > w.abs().median(), w, 0.0)),
}


def matrices(state: State) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in state.items():
        if tensor.ndim >= 2 and min(tensor.flatten(1).shape) >= SMALLEST:
            yield name, tensor.flatten(1)


def told(before: Tensor, after: Tensor) -> str:
    rows, columns = before.shape
    info = WeightInfo("w", "w", rows, columns, 1, "other", None)
    base = Weight(info, before[None])
    return kind_of_change(base, Weight(info, after[None], base))


def train_on(recipe: Recipe, state: State, seed: int) -> State:
    torch.manual_seed(300 + seed)
    model = recipe.make()
    model.load_state_dict(state)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    for _, (inputs, targets) in zip(range(STEPS), text() if recipe.text else digits(), strict=False):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten()))
        optimizer.step()
    return {name: tensor.detach() for name, tensor in model.state_dict().items()}


def counted(recipe: Recipe, seed: int) -> Iterator[tuple[str, str, str]]:
    """(what was done, what is true, what is told) of each matrix."""
    state = trained(recipe, seed)
    after = train_on(recipe, state, seed)
    noise = torch.Generator().manual_seed(seed)
    for name, matrix in matrices(state):
        yield "trained on", "trained", told(matrix, after[name].flatten(1))
        for what, (kind, change) in CHANGES.items():
            yield what, kind, told(matrix, change(matrix, noise))


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, default=(7, 8), show_default=True)
def main(seeds: tuple[int, ...]) -> None:
    torch.set_num_threads(1)
    found = [one for recipe in RECIPES if recipe.held_back for seed in seeds for one in counted(recipe, seed)]
    click.echo("| change | matrices | told | 95 % of that share | told otherwise |\n|---|---|---|---|---|")
    for what in dict.fromkeys(one[0] for one in found):
        some = [(kind, said) for done, kind, said in found if done == what]
        right = sum(kind == said for kind, said in some)
        low, high = interval(right, len(some))
        wrong = Counter(said for kind, said in some if kind != said)
        others = ", ".join(f"{said} {count}" for said, count in wrong.most_common())
        click.echo(f"| {what} | {len(some)} | {right} | {low:.0%} to {high:.0%} | {others} |")


if __name__ == "__main__":
    main()
