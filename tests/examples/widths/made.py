"""Runs of the experiment that nobody trained: little models that keep the law, saved as the experiment saves them."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save_file

from examples.widths.recipes import Recipe, grid
from examples.widths.train import DONE, Trained, described
from tests.families import model

WIDTHS = (64, 96, 128)


def write(folder: Path, widths: tuple[int, ...] = WIDTHS) -> dict[Recipe, Trained]:
    """Every run of one seed up to a width, as if it had ended."""
    results = {}
    for recipe in grid((0,), widths):
        place = folder / recipe.name
        place.mkdir()
        save_file(model(recipe.setting, blocks=2), place / "model.safetensors")
        for name, told in described(recipe, recipe.steps).items():
            (place / name).write_text(json.dumps(told))
        results[recipe] = Trained(2.0, 1.0 + 1.0 / recipe.width, 3.0)
        (place / DONE).write_text(json.dumps(asdict(results[recipe])))
    return results
