"""Fine-tunes of the small models, at several learning rates and on several data, and what is said of them."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from analysis.diagnostic import Finding, Row
from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from benchmarks.truth.merges import TASKS
from benchmarks.truth.models import KEPT, RECIPES, Batches, Recipe, State, digits, text, train, trained

STEPS, BATCHES = 100, 16
OWN = 2  # the place in TASKS of the data that the base was trained on; 0 and 1 are other data


def recipes(models: tuple[str, ...]) -> list[Recipe]:
    """Those of these names, or all."""
    return [recipe for recipe in RECIPES if not models or recipe.name in models]


def tune(recipe: Recipe, seed: int, task: int, factor: float, run: int = 0) -> State:
    """The base, trained on with so many times its own learning rate; made once."""
    file = KEPT / "tuned" / f"{recipe.name.replace(' ', '-')}-{seed}-{task}-{factor:g}-{run}.safetensors"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        after = replace(recipe, steps=STEPS, rate=factor * recipe.rate, batches=TASKS[recipe.text][task])
        save_file(train(after, 1000 * (task + 1) + 100 * run + seed, trained(recipe, seed)), file)
    return load_file(file)


@torch.no_grad()
def loss(recipe: Recipe, state: State, batches: Callable[[], Batches] | None = None) -> float:
    """The mean loss on data like the base's own, or on others, the same each time."""
    model = recipe.make()
    model.load_state_dict(state)
    model.eval()
    torch.manual_seed(99)
    data = (batches or (text if recipe.text else digits))()
    losses = [
        float(nn.functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten()))
        for _, (inputs, targets) in zip(range(BATCHES), data, strict=False)
    ]
    return sum(losses) / len(losses)


def update_of(base: State, tuned: State) -> tuple[tuple[Row, ...], Mapping[str, Finding]]:
    """What `eigenscope compare` measures of the update, and what it says, by the name of the cause."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "base.safetensors", Path(folder) / "tuned.safetensors"]
        for file, state in zip(files, (base, tuned), strict=True):
            save_file(state, file)
        found = [open_checkpoint([file]) for file in files]
        report = compare(found, requests({"update": {"turns": "no"}}, 2), ("base", "tuned"))
    findings = report.summaries["update"].findings
    return report.tables[0].rows, {one.cause.name: one for one in findings if one.cause is not None}
