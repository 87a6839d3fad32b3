"""Whether an adapter's base is told: LoRA on the models of this benchmark, compared with their own base and others.

`python -m benchmarks.truth.adapters` prints the table of docs/truth.md. AT_CHANCE of
analysis/diagnostics/update/adapter_base.py was set on the models that are not held back. Adapters are written as PEFT
saves them, and what is counted is what `eigenscope compare` says.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median

import click
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from benchmarks.truth.models import RECIPES, Batches, Recipe, State, digits, text, trained

RANK, STEPS, RATE, SCALE = 8, 100, 2e-3, 2.0
SMALLEST = 24  # smaller side of the layers that are adapted
Factors = dict[str, tuple[Tensor, Tensor]]  # by module: A and B


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of one adapter beside one base."""

    model: str
    own: bool
    share: float  # median of outputs_over_chance
    said: bool


def reversed_letters() -> Batches:
    for seen, after in text():
        letters = torch.cat([seen, after[:, -1:]], 1).flip(1)
        yield letters[:, :-1], letters[:, 1:]


def capital_letters() -> Batches:
    for pair in text():
        seen, after = (torch.where((one >= 97) & (one <= 122), one - 32, one) for one in pair)
        yield seen, after


def turned_digits() -> Batches:
    for images, targets in digits():
        yield torch.rot90(images, 1, (2, 3)), targets


def renamed_digits() -> Batches:
    for images, targets in digits():
        yield images, (3 * targets + 1) % 10


TASKS: dict[bool, tuple[Callable[[], Batches], ...]] = {
    True: (reversed_letters, capital_letters),
    False: (turned_digits, renamed_digits),
}


def adapt(recipe: Recipe, base: State, task: Callable[[], Batches], seed: int, rank: int = RANK) -> Factors:
    """LoRA on all linear layers: A drawn, B from zero on."""
    torch.manual_seed(100 + seed)
    model = recipe.make()
    model.load_state_dict(base)
    modules = [name for name, module in model.named_modules() if _is_adapted(module)]
    factors = {
        name: (
            nn.Parameter(torch.randn(rank, base[f"{name}.weight"].shape[1]) / base[f"{name}.weight"].shape[1] ** 0.5),
            nn.Parameter(torch.zeros(base[f"{name}.weight"].shape[0], rank)),
        )
        for name in modules
    }
    optimizer = torch.optim.AdamW(chain.from_iterable(factors.values()), lr=RATE, weight_decay=0.0)
    for _, (inputs, targets) in zip(range(STEPS), task(), strict=False):
        weights = {f"{name}.weight": base[f"{name}.weight"] + SCALE * b @ a for name, (a, b) in factors.items()}
        scores = torch.func.functional_call(model, weights, (inputs,))
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(scores.flatten(0, -2), targets.flatten()))
        optimizer.step()
    return {name: (a.detach(), b.detach()) for name, (a, b) in factors.items()}


def _is_adapted(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) and min(module.weight.shape) >= SMALLEST


def write(factors: Factors, folder: Path, rank: int = RANK) -> list[Path]:
    """As PEFT saves it."""
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": SCALE * rank, "target_modules": sorted(factors)}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    pairs = (((f"{name}.lora_A", a), (f"{name}.lora_B", b)) for name, (a, b) in factors.items())
    tensors = {f"base_model.model.{name}.weight": tensor.contiguous() for name, tensor in chain.from_iterable(pairs)}
    save_file(tensors, folder / "adapter_model.safetensors")
    return [folder / "adapter_model.safetensors", folder / "adapter_config.json"]


def judge(recipe: Recipe, seeds: tuple[int, ...]) -> Iterator[Judged]:
    """Each adapter of each seed beside the base of each seed."""
    bases = {seed: trained(recipe, seed) for seed in seeds}
    for seed in seeds:
        for task in TASKS[recipe.text]:
            factors = adapt(recipe, bases[seed], task, seed)
            for other, base in bases.items():
                share, said = _said_of(factors, base)
                yield Judged(recipe.name, seed == other, share, said)


def _said_of(factors: Factors, base: State) -> tuple[float, bool]:
    with tempfile.TemporaryDirectory() as folder:
        files = write(factors, Path(folder))
        save_file(base, Path(folder) / "base.safetensors")
        found = [open_checkpoint([Path(folder) / "base.safetensors"]), open_checkpoint(files)]
        report = compare(found, requests({"update": {"turns": "no"}}, 2), ("base", "adapter"))
    findings = report.summaries["update"].findings
    said = any(finding.cause is not None and finding.cause.name == "adapter-base" for finding in findings)
    return median(report.tables[0].numbers("outputs_over_chance")), said


@click.command(help=__doc__)
@click.option("--seed", "seeds", multiple=True, default=(0, 1, 2), show_default=True, help="Where the bound was set.")
@click.option("--held-back", "fresh_seeds", multiple=True, default=(7, 8), show_default=True, help="Of the other half.")
def main(seeds: tuple[int, ...], fresh_seeds: tuple[int, ...]) -> None:
    torch.set_num_threads(1)
    click.echo("| half | model | base | adapters with a base | over chance | said |\n|---|---|---|---|---|---|")
    for recipe in RECIPES:
        if recipe.name.startswith("cnn"):
            continue  # one linear layer, and that of ten outputs
        found = list(judge(recipe, fresh_seeds if recipe.held_back else seeds))
        for own in (True, False):
            some = [one for one in found if one.own is own]
            shares = sorted(one.share for one in some)
            half, whose = "held back" if recipe.held_back else "set", "its own" if own else "of another seed"
            span = f"{shares[0]:.2f} to {shares[-1]:.2f}"
            click.echo(f"| {half} | {recipe.name} | {whose} | {len(some)} | {span} | {sum(o.said for o in some)} |")


if __name__ == "__main__":
    main()
