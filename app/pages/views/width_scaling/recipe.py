"""The settings for another width that follow from the law."""

import json

from analysis.width_scaling.advice import recipe_of
from analysis.width_scaling.family import Family
from analysis.width_scaling.law import Setting
from analysis.width_scaling.recipe import Recipe


class RecipeView:
    """The recipe for a target width, 0: twice the widest. None where `missing` says why there is none."""

    def __init__(self, family: Family, target: int | None) -> None:
        self.family = family
        recipe = recipe_of(family, target or None)
        self.recipe = recipe if isinstance(recipe, Recipe) else None
        self.missing = "" if isinstance(recipe, Recipe) else f"{recipe}."

    @property
    def json(self) -> str:
        return "" if self.recipe is None else json.dumps(self.recipe.to_json(), indent=1, ensure_ascii=False)

    @property
    def source(self) -> Setting:
        """The model that the recipe starts from: the narrowest whose settings are known."""
        settings = [s for s in self.family.settings if s.learning_rate and s.weight_decay]
        return min(settings, key=lambda setting: setting.width)

    @property
    def from_words(self) -> str:
        source = self.source
        return f"From width {source.width:g} with η = {source.learning_rate:.3g} and λ = {source.weight_decay:.3g}."
