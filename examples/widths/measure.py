"""What Eigenscope finds in the trained models: of each rule's family, and of all models together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.diagnostics import requests
from analysis.diagnostics.top_singular_value.diagnostic import TOP_SINGULAR_VALUE
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from analysis.width_scaling.family import Scaling, family, scaling
from examples.widths.recipes import RULES, Recipe, Rule, grid
from examples.widths.train import DONE


@dataclass(frozen=True)
class Measured:
    """A family of trained models, and what the fits say of it."""

    recipes: tuple[Recipe, ...]
    fits: Scaling

    def to_json(self) -> dict[str, Any]:
        return {"runs": [recipe.name for recipe in self.recipes], **self.fits.to_json()}


def trained(recipes: Sequence[Recipe], folder: Path) -> list[Recipe]:
    """Those of the runs that have ended."""
    return [recipe for recipe in recipes if (folder / recipe.name / DONE).exists()]


def measure(recipes: Sequence[Recipe], folder: Path) -> Measured:
    """The models of these runs as one family. What was trained how, their own files say; only the mean η is added."""
    checkpoints = [open_checkpoint([folder / recipe.name]) for recipe in recipes]
    asked = requests({TOP_SINGULAR_VALUE.name: {"quantiles": True}})
    facts = [{"mean_learning_rate": recipe.mean_rate} for recipe in recipes]
    found = family(compare(checkpoints, asked, [recipe.name for recipe in recipes], facts=facts).tables[0])
    if found is None:
        raise SystemExit(f"Nothing could be measured in {', '.join(recipe.name for recipe in recipes)}")
    return Measured(tuple(recipes), scaling(found))


def by_rule(recipes: Sequence[Recipe], folder: Path) -> dict[Rule, Measured]:
    """A family for each rule, of the runs that have ended: those of the narrowest width are in all of them."""
    narrowest = min(recipe.width for recipe in recipes)
    return {
        rule: measure([r for r in recipes if r.width == narrowest or r.rule == rule], folder)
        for rule in RULES
        if sum(r.rule == rule for r in recipes) > 1
    }


def ended(folder: Path) -> list[Recipe]:
    return trained(grid(), folder)
