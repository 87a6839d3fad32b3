from typing import Any

import numpy as np
import pytest

from analysis.prescriptions.interference.pairs import cosines, norm_ratio, sign_conflicts


def gaussian(seed: int, rows: int = 40, columns: int = 50) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_cosines_of_known_updates() -> None:
    one = gaussian(0)
    found = cosines([one, 2 * one, -one, gaussian(1)])
    assert found[0, :3] == pytest.approx([1.0, 1.0, -1.0])
    assert abs(found[0, 3]) < 4 / np.sqrt(one.size)
    assert np.array_equal(found, found.T)
    assert np.isnan(cosines([one, 0 * one])[0, 1])


def test_the_largest_norm_over_the_smallest() -> None:
    assert norm_ratio([2.0, 8.0, 4.0]) == 4.0
    assert norm_ratio([0.0, 1.0]) is None


def test_signs_by_chance_conflict_in_half_and_equal_ones_never() -> None:
    one = gaussian(2, 200, 300)
    assert sign_conflicts([one, 3 * one]).conflicting == 0.0
    assert sign_conflicts([one, -one]).conflicting == 1.0
    chance = sign_conflicts([one, gaussian(3, 200, 300)])
    assert chance.conflicting == pytest.approx(0.5, abs=0.03)
    assert chance.pairs[0, 1] == pytest.approx(chance.conflicting)
    assert chance.pairs[0, 0] == 0.0


def test_only_the_largest_entries_count() -> None:
    one = np.array([[5.0, 4.0, 0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1]])
    other = one * np.array([1, -1, -1, -1, -1, -1, -1, -1, -1, -1])
    assert sign_conflicts([one, other], 0.2).conflicting == 0.5
    assert sign_conflicts([one, other], 0.1).conflicting == 0.0
    assert sign_conflicts([one, other], 1.0).conflicting == 0.9


def test_updates_that_keep_no_entry_in_common_have_no_share() -> None:
    one, other = np.array([[1.0, 0.0, 0.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 0.0, 0.0, 1.0]])
    found = sign_conflicts([one, other])
    assert found.conflicting is None
    assert np.isnan(found.pairs[0, 1])
    assert sign_conflicts([0 * one, 0 * other]).conflicting is None


def test_three_updates_conflict_where_any_two_do() -> None:
    signs = [np.array([[1.0, 1.0]]), np.array([[1.0, 1.0]]), np.array([[1.0, -1.0]])]
    assert sign_conflicts(signs, 1.0).conflicting == 0.5
