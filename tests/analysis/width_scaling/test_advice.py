"""What follows from a family: a recipe, and what would undo a drift."""

from dataclasses import replace

import pytest

from analysis.diagnostic import Table
from analysis.width_scaling.advice import NO_FAMILY, NO_SETTINGS, advice, recipe_of, repairs
from analysis.width_scaling.family import family, scaling
from analysis.width_scaling.law import Setting
from tests import families


def test_the_recipe_starts_from_the_narrowest_model_that_has_settings() -> None:
    given = families.settings("λ ∝ √d")
    stated = [families.facts(replace(given[0], weight_decay=None)), *map(families.facts, given[1:])]
    found = family(families.table(given, stated))
    assert found is not None
    recipe = recipe_of(found, 96)
    assert not isinstance(recipe, str)
    assert (recipe.from_width, recipe.width) == (24, 96)
    assert recipe.learning_rate == pytest.approx(0.64 / 96)
    twice = recipe_of(found, None)
    assert not isinstance(twice, str)
    assert twice.width == 96


def test_without_settings_it_says_what_is_missing() -> None:
    said = advice(families.table(families.settings("λ constant"), [{} for _ in families.WIDTHS]))
    assert said["recipe"] is None
    assert said["missing"] == NO_SETTINGS
    assert said["scaling"]["overall"]["drift"]["value"] == pytest.approx(0.25, abs=1e-4)


def test_what_drifted_is_mended_by_its_ratio_squared() -> None:
    found = family(families.table(families.settings("both constant")))
    assert found is not None
    decays = repairs(scaling(found))
    assert decays == pytest.approx(
        {at: 2.0 * (d / 16.0) ** 1.5 for at, d in enumerate(families.WIDTHS) if at}, rel=1e-4
    )
    kept = family(families.table(families.settings("λ ∝ √d")))
    assert kept is not None
    assert repairs(scaling(kept)) == {}


def test_nothing_in_common_is_said() -> None:
    empty = advice(Table(families.REQUEST.diagnostic, ()))
    assert (empty["scaling"], empty["recipe"], empty["missing"]) == (None, None, NO_FAMILY)


def test_steps_of_one_run_are_told() -> None:
    given = [Setting(24.0, 0.01, 2.0, steps) for steps in (100.0, 200.0)]
    said = advice(families.table(given))
    assert [moment["step"] for moment in said["trajectory"]] == [100.0, 200.0]
    assert said["recipe"]["python"].startswith("# width 48, from width 24\n")
