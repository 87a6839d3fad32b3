"""Closed forms, and the ordering of the ranks that always holds."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.measures import (
    effective_rank,
    energy_rank,
    log10,
    log_power_sum,
    normalised_entropy,
    participation_ratio,
)


def test_equal_shares_count_fully() -> None:
    equal = np.full(7, 0.3)
    assert effective_rank(equal) == pytest.approx(7.0, rel=1e-14)
    assert participation_ratio(equal) == pytest.approx(7.0, rel=1e-14)
    assert energy_rank(equal, 0.5) == 4
    assert normalised_entropy(equal, 7) == pytest.approx(1.0, abs=1e-8)


def test_one_share_counts_once() -> None:
    alone = np.array([0.0, 0.0, 5.0])
    assert effective_rank(alone) == 1.0
    assert participation_ratio(alone) == 1.0
    assert energy_rank(alone, 0.99) == 1
    assert normalised_entropy(alone, 1) is None


def test_two_shares_by_hand() -> None:
    """Shares 3/4 and 1/4."""
    amounts = np.array([1.0, 3.0])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert effective_rank(amounts) == pytest.approx(math.exp(entropy), rel=1e-14)
    assert participation_ratio(amounts) == pytest.approx(1.6, rel=1e-14)
    assert normalised_entropy(amounts, 2) == pytest.approx(entropy / math.log(2), abs=1e-8)
    assert [energy_rank(amounts, share) for share in (0.5, 0.74, 0.76, 1.0)] == [1, 1, 2, 2]


def test_logarithms() -> None:
    assert log10(0.0) is None
    assert log10(1000.0) == pytest.approx(3.0)
    assert log_power_sum(np.array([1.0, 2.0]), 3.0) == pytest.approx(math.log10(9.0), rel=1e-14)
    assert log_power_sum(np.array([1.0, 1e200]), 30.0) == pytest.approx(6000.0, rel=1e-14)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60))
def test_ranks_are_ordered(found: list[float]) -> None:
    """Stable rank ≤ PR ≤ erank of λ ≤ erank of σ ≤ rank (Rényi entropies fall with their order)."""
    values = np.sort(np.array(found))
    if values[-1] < 1e-100:
        return
    scaled = values / values[-1]
    eigenvalues = scaled**2
    ranks = [
        float(eigenvalues.sum()),
        participation_ratio(eigenvalues),
        effective_rank(eigenvalues),
        effective_rank(scaled),
        float(np.count_nonzero(scaled)),
    ]
    assert all(low <= high * (1.0 + 1e-12) for low, high in pairwise(ranks))
