import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from analysis.errors import OptionError
from analysis.prescriptions.ranks.budget import experts_by_alpha, proportional_ranks


def spent(ranks: Sequence[int], costs: Sequence[int]) -> Any:
    return sum(rank * cost for rank, cost in zip(ranks, costs, strict=True))


def test_equal_shapes_share_in_proportion() -> None:
    assert proportional_ranks([1, 2, 5], [10, 10, 10], 10 * 32, 1, 64) == (4, 8, 20)


@pytest.mark.parametrize("seed", range(20))
def test_the_budget_the_bounds_and_the_multiples_are_kept(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shares = generator.integers(1, 60, 12).tolist()
    costs = generator.integers(50, 400, 12).tolist()
    least, most = 4, 32
    budget = int(generator.integers(least * sum(costs), most * sum(costs)))
    ranks = proportional_ranks(shares, costs, budget, least, most)
    assert spent(ranks, costs) <= budget
    assert all(least <= rank <= most and rank % least == 0 for rank in ranks)
    assert budget - spent(ranks, costs) < least * max(costs) * 6
    for i, j in zip(*np.triu_indices(12, 1), strict=True):  # more share, at most one multiple less of rank
        if shares[i] >= shares[j]:
            assert ranks[i] >= ranks[j] - least


def test_a_budget_above_all_bounds_gives_the_largest_ranks() -> None:
    assert proportional_ranks([3, 1], [10, 20], 10**6, 2, 16) == (16, 16)


def test_a_layer_without_a_share_has_the_least_rank() -> None:
    assert proportional_ranks([0, 4], [10, 10], 100, 2, 64) == (2, 8)


def test_a_budget_under_the_least_rank_is_refused_and_the_advice_holds() -> None:
    with pytest.raises(OptionError) as error:
        proportional_ranks([1, 1], [30, 50], 100, 2, 8)
    assert str(error.value).startswith("budget=100: 2 for each of 2 layers takes 160 parameters")
    least = int(re.findall(r"takes (\d+)", str(error.value))[0])
    assert proportional_ranks([1, 1], [30, 50], least, 2, 8) == (2, 2)


def test_experts_follow_alpha_and_add_up() -> None:
    assert experts_by_alpha([2.0, 2.0, 2.0, 2.0], 32) == (8, 8, 8, 8)
    found = experts_by_alpha([2.0, 3.0, 4.0], 30)
    assert sum(found) == 30
    assert list(found) == sorted(found)
    exact = 30 * np.array([2.0, 3.0, 4.0]) ** 2.5 / (np.array([2.0, 3.0, 4.0]) ** 2.5).sum()
    assert np.abs(found - exact).max() < 1.0
    assert experts_by_alpha([2.0, 3.0], 5, beta=0.0) == (3, 2)


def test_too_few_experts_or_no_exponent_are_refused() -> None:
    with pytest.raises(OptionError, match="experts=2: fewer than one for each of 3 layers"):
        experts_by_alpha([2.0, 3.0, 4.0], 2)
    with pytest.raises(OptionError, match="an α of 0"):
        experts_by_alpha([0.0, 3.0], 4)
