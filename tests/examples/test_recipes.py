import pytest

from examples.recipes import FIXED_ALPHA, PRODUCTS, RANKS, SEEDS, grid


def test_the_grid_is_what_the_page_says() -> None:
    recipes = grid()
    assert len({recipe.name for recipe in recipes}) == len(recipes)
    first, second = ({(r.rank, r.alpha, r.speed) for r in recipes if r.seed == seed} for seed in SEEDS)
    full = {(0, 0, "low"), (0, 0, "high")}
    twice = {(rank, 2 * rank, speed) for rank in RANKS for speed in ("low", "high")}
    assert first == full | twice | {(rank, FIXED_ALPHA, speed) for rank in RANKS for speed in ("low", "high")}
    assert second == full | twice


def test_alpha_times_the_rate_is_one_number() -> None:
    for recipe in grid():
        if not recipe.full:
            assert recipe.alpha * recipe.rate == pytest.approx(PRODUCTS[recipe.speed == "high"])


def test_the_high_rate_is_higher() -> None:
    rates = {(r.rank, r.alpha, r.seed, r.speed): r.rate for r in grid()}
    for (rank, alpha, seed, speed), rate in rates.items():
        assert speed == "low" or rate > rates[rank, alpha, seed, "low"]
