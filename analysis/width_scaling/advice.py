"""What follows from a family for the next model: a recipe for its width, and the weight decays that undo a drift."""

from typing import Any

from analysis.diagnostic import Table
from analysis.errors import escape
from analysis.findings.wording import join_words
from analysis.width_scaling.family import Family, Scaling, family, scaling
from analysis.width_scaling.recipe import Recipe, repair_decay, transfer_recipe
from analysis.width_scaling.trajectory import trajectory

NO_FAMILY = "No weight could be measured in all models."
NO_SETTINGS = "A recipe needs the learning rate and a weight decay above 0 of one model"


def recipe_of(family: Family, target: int | None) -> Recipe | str:
    """For the target width, by default twice the widest: from the narrowest model whose η and λ > 0 are known.

    Where there is none, what is missing, or why there is none of AdamW.
    """
    if family.other_optimizers:
        return (
            f"No recipe: the law is of AdamW, and {join_words(list(map(escape, family.other_optimizers)))} is another"
        )
    if family.asks_decay:
        return "No recipe yet: say first which form of weight decay the numbers are"
    if family.guessed_widths:
        return "No recipe yet: say first how wide the models are, whose shapes do not tell it"
    settings = sorted(family.settings, key=lambda setting: setting.width)
    new_width = target or round(2.0 * settings[-1].width)
    for setting in settings:
        if setting.learning_rate and setting.weight_decay:
            return transfer_recipe(setting.width, setting.learning_rate, setting.weight_decay, new_width)
    return NO_SETTINGS


def repairs(fits: Scaling) -> dict[int, float]:
    """By the model's place, the λ at the same η that would bring its σ₁ back to the narrowest model's: λ R².

    R is over all matrices. Nothing of models whose λ is not known or 0, or whose σ₁ stayed (transfer passes).
    """
    pairs = fits.overall.pairs if fits.overall and fits.family.has_law else ()
    decays = {}
    for pair in pairs:
        decay = fits.family.settings[pair.target].weight_decay
        if decay and pair.transfer != "pass":
            decays[pair.target] = repair_decay(decay, pair.measured)
    return decays


def advice(table: Table, target: int | None = None) -> dict[str, Any]:
    """The fits, the recipe, the repairs and the steps of one run, as JSON. None where there is nothing to say."""
    models = family(table)
    if models is None:
        return {"scaling": None, "recipe": None, "missing": NO_FAMILY, "repairs": [], "trajectory": []}
    fits, recipe = scaling(models), recipe_of(models, target)
    return {
        "scaling": fits.to_json(),
        "recipe": None if isinstance(recipe, str) else {**recipe.to_json(), "python": recipe.to_python()},
        "missing": recipe if isinstance(recipe, str) else None,
        "repairs": [{"name": models.names[index], "weight_decay": decay} for index, decay in repairs(fits).items()],
        "trajectory": [
            {"name": models.names[m.at], "step": m.step, "sigma": m.sigma, "norm": m.norm, "effective_rate": m.rate}
            for m in trajectory(models)
        ],
    }
