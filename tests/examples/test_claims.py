from dataclasses import replace

import numpy as np
import pytest

from examples.claims import correlation, mean, pairs, partial, raised, sentences
from examples.recipes import grid
from tests.examples.runs import made, whole_grid


def test_correlation_is_of_ranks() -> None:
    recipes = grid()[:5]
    runs = [made(recipe, count, count**3) for recipe, count in zip(recipes, (1, 2, 4, 8, 16), strict=True)]
    assert correlation(runs, "intruders", "forgetting").rho == pytest.approx(1.0)
    runs[0], runs[1] = replace(runs[0], found=runs[1].found), replace(runs[1], found=runs[0].found)
    assert correlation(runs, "intruders", "forgetting").rho == pytest.approx(1 - 6 * 2 / (5 * 24))  # Spearman's formula


def test_partial_is_the_recursion_formula() -> None:
    """ρ(xy·z) = (ρxy - ρxz ρyz) / √((1 - ρxz²)(1 - ρyz²))."""
    random = np.random.default_rng(0)
    triples = random.permuted(np.arange(14) + 1.0).tolist(), random.random(14).tolist(), random.random(14).tolist()
    runs = [made(r, int(i), f, norm=n) for r, i, f, n in zip(grid()[:14], *triples, strict=True)]
    xy, xz, yz = (
        correlation(runs, *pair).rho
        for pair in (("intruders", "forgetting"), ("intruders", "update norm"), ("forgetting", "update norm"))
    )
    found = partial(runs, "intruders", "forgetting", "update norm")
    assert found.rho == pytest.approx((xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)))
    assert 0 < found.p < 1


def test_pairs_differ_in_the_rate_only() -> None:
    found = pairs(whole_grid())
    assert len(found) == len(grid()) // 2
    for low, high in found:
        assert low.recipe.rate < high.recipe.rate
        assert replace(low.recipe, rate=0.0, speed="high") == replace(high.recipe, rate=0.0)


def test_raised_counts_the_pairs_that_differ() -> None:
    runs = whole_grid()
    lora = sum(not run.recipe.full for run in runs) // 2
    up, differ, p = raised(runs, "intruders")
    assert (up, differ) == (lora, lora)
    assert p == pytest.approx(2 * 0.5**lora)
    assert raised(runs, "accuracy") == (0, 0, 1.0)


def test_mean_is_over_the_chosen() -> None:
    assert mean(whole_grid(), "intruders", lambda recipe: recipe.full) == 0.0
    assert mean(whole_grid(), "intruders", lambda recipe: recipe.rank == 64) == 2.0


def test_every_claim_is_a_sentence() -> None:
    said = "\n".join(sentences(whole_grid()))
    assert "full fine-tuning: 0" in said
    assert "LoRA r=1 α=2r: 64" in said
    assert "nan" not in said
