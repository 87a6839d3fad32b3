"""Whether a model's base is told among candidates: `python -m benchmarks.truth.bounds.lineage`.

Each model held back as a copy in every guise, fine-tuned, in parts, and of another seed, beside its base by the rule
`lineage`; and the choice among base, another seed and another fine-tune. NEAR, MOST, CLEAR and SAME_SPECTRUM of
analysis/prescriptions/lineage, and ROTATED of analysis/diagnostics/update/origin.py, were set before, without them.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.formats import open_checkpoint
from analysis.prescriptions.lineage.rule import LINEAGE
from analysis.prescriptions.members import Members
from benchmarks.truth.bounds.tunes import recipes, tune, update_of
from benchmarks.truth.models import Recipe, State, trained

Change = Callable[[Tensor, torch.Generator], Tensor]
RATES = (0.03, 0.3, 1.0)
WORDS: Mapping[str, tuple[str, ...]] = {  # the relations that are true of each
    "itself": ("same",),
    "vectors times 1.3": ("vectors-only",),
    "bfloat16": ("cast",),
    "float16": ("cast",),
    "times 0.9": ("scaled",),
    "rows in another order": ("permuted",),
    "rotated": ("rotated",),
    "rotated, in bfloat16": ("rotated",),
    "rotated, in float16": ("rotated",),
    "noise, 1 %": ("noise",),
    "fine-tuned, rate 0.03": ("near",),
    "fine-tuned, rate 0.3": ("near", "part"),
    "fine-tuned, rate 1": ("near", "part"),
    "fine-tuned, rotated": ("part", "unrelated"),
    "half of another seed": ("part",),
    "another seed": ("unrelated",),
}


def over_matrices(state: State, change: Change) -> State:
    noise = torch.Generator().manual_seed(7)
    return {name: change(tensor, noise) if tensor.ndim > 1 else tensor for name, tensor in state.items()}


def rotate(w: Tensor, noise: torch.Generator) -> Tensor:
    """From both sides, which leaves the singular values."""
    flat = w.flatten(1).double()
    left, right = (torch.linalg.qr(torch.randn(n, n, generator=noise, dtype=torch.float64))[0] for n in flat.shape)
    turned: Tensor = left @ flat @ right
    return turned.reshape(w.shape).float()


def add_noise(w: Tensor, noise: torch.Generator) -> Tensor:
    return w + 0.01 * w.std() * torch.randn(w.shape, generator=noise)


def in_type(state: State, dtype: torch.dtype) -> State:
    return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def guises(recipe: Recipe, seed: int, other: int) -> Iterator[tuple[str, State]]:
    """The base in every guise of WORDS."""
    base, foreign = trained(recipe, seed), trained(recipe, other)
    yield "itself", base
    yield "vectors times 1.3", {n: 1.3 * t if t.ndim == 1 and t.is_floating_point() else t for n, t in base.items()}
    yield "bfloat16", in_type(base, torch.bfloat16)
    yield "float16", in_type(base, torch.float16)
    yield "times 0.9", over_matrices(base, lambda w, _: 0.9 * w)
    yield "rows in another order", over_matrices(base, lambda w, noise: w[torch.randperm(len(w), generator=noise)])
    rotated = over_matrices(base, rotate)
    yield "rotated", rotated
    yield "rotated, in bfloat16", in_type(rotated, torch.bfloat16)
    yield "rotated, in float16", in_type(rotated, torch.float16)
    yield "noise, 1 %", over_matrices(base, add_noise)
    for rate in RATES:
        yield f"fine-tuned, rate {rate:g}", tune(recipe, seed, 0, rate)
    yield "fine-tuned, rotated", over_matrices(tune(recipe, seed, 0, 0.3), rotate)
    names = [name for name in base if base[name].ndim > 1]
    yield "half of another seed", base | {name: foreign[name] for name in names[::2]}
    yield "another seed", foreign


def ask(model: State, *candidates: State) -> tuple[int | None, str | None, list[str]]:
    """The place of the candidate that is named the base and its relation; and the relation of each."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{at}.safetensors" for at in range(len(candidates) + 1)]
        for file, state in zip(files, (*candidates, model), strict=True):
            save_file({name: tensor.contiguous() for name, tensor in state.items()}, file)
        names = tuple(str(at) for at in range(len(files)))
        found = LINEAGE.prescribe(Members(tuple(open_checkpoint([f]) for f in files), names), LINEAGE.settings({}))
        extra = found.answer.extra
        base = None if extra["base"] is None else int(extra["base"])
        return base, extra["relation"], [str(one["relation"]) for one in extra["candidates"]]


def choices(recipe: Recipe, seed: int, other: int) -> Iterator[tuple[str, int | None, int | None]]:
    """(What, the place of the candidate that is the nearest, or None where none is nearer, and the one named)."""
    base, foreign, sibling = trained(recipe, seed), trained(recipe, other), tune(recipe, seed, 1, 0.3)
    for rate in RATES:
        model = tune(recipe, seed, 0, rate)
        yield f"rate {rate:g}: base, another seed", 0, ask(model, base, foreign)[0]
        yield f"rate {rate:g}: base, another fine-tune", 0, ask(model, base, sibling)[0]
        yield f"rate {rate:g}: another seed alone", None, ask(model, foreign)[0]
        yield f"rate {rate:g}, in bfloat16: base, itself", 1, ask(in_type(model, torch.bfloat16), base, model)[0]


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, type=int, default=(7, 8), show_default=True)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: those held back.")
def main(seeds: Sequence[int], models: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    chosen = [recipe for recipe in recipes(models) if models or recipe.held_back]
    told: dict[str, Counter[str]] = {what: Counter() for what in WORDS}
    rotated: dict[str, Counter[bool]] = {what: Counter() for what in WORDS}
    named: dict[str, Counter[str]] = {}
    for recipe in chosen:
        for seed, other in zip(seeds, (*seeds[1:], seeds[0]), strict=True):
            base = trained(recipe, seed)
            for what, state in guises(recipe, seed, other):
                told[what][ask(state, base)[2][0]] += 1
                rotated[what][is_called_rotated(base, state)] += 1
            for what, true, found in choices(recipe, seed, other):
                word = "right" if found == true else "none" if found is None else "wrong"
                named.setdefault(what, Counter())[word] += 1
    click.echo("| the model | models | so | said | comparison: rotated |\n|---|---|---|---|---|")
    for what, counts in told.items():
        said = ", ".join(f"{word} {count}" for word, count in counts.most_common())
        right = sum(counts[word] for word in WORDS[what])
        click.echo(f"| {what} | {counts.total()} | {right} | {said} | {rotated[what][True]} |")
    click.echo("\n| candidates | models | right | none named | wrong |\n|---|---|---|---|---|")
    for what, counts in named.items():
        click.echo(f"| {what} | {counts.total()} | {counts['right']} | {counts['none']} | {counts['wrong']} |")


def is_called_rotated(base: State, state: State) -> bool:
    """Whether a comparison says that it has the base's singular values in other directions."""
    found = update_of(base, state)[1].get("wrong-base")
    return found is not None and "has the singular values of" in found.text


if __name__ == "__main__":
    main()
