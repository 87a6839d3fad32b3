"""Whether the kinds of change are told on models that set no bound: `python -m benchmarks.truth.kinds`.

Each matrix of the models held back is changed in each way, and by training on: 40 steps of AdamW at 1e-4, and 100 of
another task at two rates. The bounds of analysis/diagnostics/update/kinds.py were set on drawn matrices, those of
turned_lines.py on fine-tunes of llama, gpt, mlp and cnn with seed 0.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import click
import torch
from torch import Tensor, nn

from analysis.diagnostics.update.kinds import kind_of_change
from analysis.weight import Weight, WeightInfo
from benchmarks.truth.adapters import renamed_digits, reversed_letters
from benchmarks.truth.models import RECIPES, Recipe, State, digits, text, train, trained
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


def _rows_in_another_order(w: Tensor, noise: torch.Generator) -> Tensor:
    return w[torch.randperm(len(w), generator=noise)]


def _rows_anew(share: float) -> Change:
    """Such a share of the rows, at places of their own, with the spread of the whole."""

    def change(w: Tensor, noise: torch.Generator) -> Tensor:
        changed, places = w.clone(), torch.randperm(len(w), generator=noise)[: int(share * len(w))]
        changed[places] = w.std() * torch.randn(len(places), w.shape[1], generator=noise)
        return changed

    return change


def _columns_anew(share: float) -> Change:
    return lambda w, noise: _rows_anew(share)(w.mT, noise).mT.contiguous()


CHANGES: Mapping[str, tuple[str, Change]] = {
    "permuted rows and columns": ("permuted", _permuted),
    "noise, 1 %": ("noise", _noisy(0.01)),
    "noise, 30 %": ("noise", _noisy(0.3)),
    "times 0.9": ("scaled", lambda w, _: 0.9 * w),
    "bfloat16": ("cast", lambda w, _: w.bfloat16().float()),
    "drawn anew": ("new", lambda w, noise: w.std() * torch.randn(w.shape, generator=noise)),
    "8 bits by rows": ("quantised", _quantised),
    "half pruned": ("pruned", lambda w, _: torch.where(w.abs() > w.abs().median(), w, 0.0)),
    "a factor of each row": ("lines", lambda w, noise: torch.exp(0.3 * torch.randn(len(w), 1, generator=noise)) * w),
    "half of the rows anew": ("partly-new", _rows_anew(0.5)),
    "an eighth of the columns anew": ("partly-new", _columns_anew(0.125)),
}
TUNED: Mapping[str, tuple[str, Change]] = {  # after training on
    "half of the rows anew, trained": ("partly-new", _rows_anew(0.5)),
    "rows in another order, trained": ("reordered", _rows_in_another_order),
}
HEADS = {"llama": 4, "gpt": 4, "encoder": 4, "llama wide": 5}
READERS, WRITERS = (
    ("q_proj", "k_proj", "v_proj", "c_attn", "in_proj_weight"),
    ("self_attn.o_proj", "self_attn.out_proj"),
)


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


def other_heads(name: str, w: Tensor, heads: int) -> Tensor | None:
    """A projection of attention with its heads in another order, the same in all; None of any other matrix."""
    if any(word in name for word in WRITERS):
        return w[:, _head_by_head(w.shape[1], heads)]
    if not any(word in name for word in READERS):
        return None
    fused = w.shape[0] == 3 * w.shape[1]
    return torch.cat([part[_head_by_head(len(part), heads)] for part in (w.chunk(3) if fused else (w,))])


def _head_by_head(size: int, heads: int) -> Tensor:
    """Where so many outputs come from once the heads that they make up changed places."""
    order = torch.randperm(heads, generator=torch.Generator().manual_seed(heads))
    return torch.arange(size).reshape(heads, -1)[order].flatten()


def counted(recipe: Recipe, seed: int) -> Iterator[tuple[str, str, str]]:
    """(what was done, what is true, what is told) of each matrix."""
    state = trained(recipe, seed)
    after = train_on(recipe, state, seed)
    task = reversed_letters if recipe.text else renamed_digits
    tuned = {
        f"another task, rate {rate:g}": train(replace(recipe, steps=100, rate=rate, batches=task), 500 + seed, state)
        for rate in (5e-4, 2e-3)
    }
    noise = torch.Generator().manual_seed(seed)
    for name, matrix in matrices(state):
        last = after[name].flatten(1)
        yield "trained on", "trained", told(matrix, last)
        for what, other in tuned.items():
            yield what, "trained", told(matrix, other[name].flatten(1))
        for what, (kind, change) in CHANGES.items():
            yield what, kind, told(matrix, change(matrix, noise))
        for what, (kind, change) in TUNED.items():
            yield what, kind, told(matrix, change(last, noise))
        for what, kind, one in (("heads in another order", "permuted", matrix), ("so, trained", "reordered", last)):
            moved = other_heads(name, one, HEADS[recipe.name]) if recipe.name in HEADS else None
            if moved is not None:
                yield what, kind, told(matrix, moved)


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, default=(7, 8), show_default=True)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: those held back.")
def main(seeds: tuple[int, ...], models: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    chosen = [recipe for recipe in RECIPES if (recipe.name in models if models else recipe.held_back)]
    found = [one for recipe in chosen for seed in seeds for one in counted(recipe, seed)]
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
