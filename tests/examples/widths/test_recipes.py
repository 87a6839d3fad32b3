"""The grid of the experiment."""

import pytest

from analysis.width_scaling.recipe import transfer_recipe
from examples.widths.recipes import DECAY, DRIFTS, RATE, RULES, STEPS, WIDTHS, Recipe, family, grid


def test_every_run_reaches_the_steady_state() -> None:
    forgotten = [recipe.setting.steps_eta_lambda for recipe in grid()]
    assert min(one for one in forgotten if one is not None) >= 2.0
    assert len(forgotten) == 2 * (1 + 3 * (len(WIDTHS) - 1))


def test_the_narrowest_width_is_in_all_families() -> None:
    for rule in RULES:
        recipes = family(rule, seeds=(0,))
        assert recipes[0].name == "base-d64-seed0"
        assert {recipe.name for recipe in recipes} <= {recipe.name for recipe in grid()}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_rule_of_the_root_is_our_own_recipe(width: int) -> None:
    recipe, ours = Recipe(width, "sqrt"), transfer_recipe(float(WIDTHS[0]), RATE, DECAY, width)
    assert recipe.rate == pytest.approx(ours.learning_rate)
    assert recipe.decay == pytest.approx(ours.weight_decay)


@pytest.mark.parametrize("rule", RULES)
def test_the_drift_is_what_the_law_makes_of_the_rule(rule: str) -> None:
    power = RULES[rule]  # type: ignore[index]
    assert DRIFTS[rule] == pytest.approx(0.5 * (-1.0 - power) + 0.75)  # type: ignore[index]


def test_the_mean_rate_is_that_of_the_schedule() -> None:
    recipe = Recipe(96, "sqrt")
    rates = [recipe.rate * min(1.0, (step + 1) / recipe.warm_up) for step in range(STEPS)]
    assert recipe.mean_rate == pytest.approx(sum(rates) / STEPS)
