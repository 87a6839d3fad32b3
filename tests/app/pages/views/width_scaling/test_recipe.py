"""The recipe for another width."""

import json
from collections.abc import Mapping, Sequence

import pytest

from analysis.width_scaling.family import Family, family
from app.pages.views.width_scaling.recipe import RecipeView
from tests.families import settings, table


def models(stated: Sequence[Mapping[str, float]] | None = None) -> Family:
    members = family(table(settings("λ ∝ √d"), stated))
    assert members is not None
    return members


@pytest.mark.parametrize(("target", "width"), [(0, 96), (128, 128)])
def test_the_target_width_or_twice_the_widest(target: int, width: int) -> None:
    view = RecipeView(models(), target)
    assert json.loads(view.json)["width"] == width
    assert view.from_words == "From width 16 with η = 0.04 and λ = 2."


def test_without_settings_there_is_none() -> None:
    view = RecipeView(models([{"weight_decay": 1.0}] * 4), 0)
    assert (view.recipe, view.json) == (None, "")
    assert view.missing.startswith("A recipe needs the learning rate")
