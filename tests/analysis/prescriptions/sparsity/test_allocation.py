"""The allocation: the authors' numbers where nothing is above the cap, and the mean and the order always."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import UnreachableTarget
from analysis.prescriptions.sparsity.allocation import allocate
from tests.analysis.prescriptions.golden import told

LLAMA = told()["alphapruning_llama7b"]
layers = st.lists(st.tuples(st.floats(1.0, 12.0), st.integers(1, 10**6)), min_size=1, max_size=12)


@pytest.mark.parametrize("case", LLAMA["cases"], ids=lambda case: f"{case['sparsity']}-{case['epsilon']}")
def test_llama_7b_of_the_authors(case: dict[str, float]) -> None:
    alphas = LLAMA["block_means"]
    found = allocate(alphas, [1] * len(alphas), case["sparsity"], case["epsilon"], 0.99)
    assert found.mean() == pytest.approx(case["sparsity"], abs=1e-12)
    assert found.max() <= 0.99
    if case["max"] <= 0.99:
        assert list(found) == pytest.approx(case["ratios"], abs=1e-9)
    else:
        assert case["max"] > 1.0  # the published code asks for more than there is


@given(layers, st.floats(0.0, 0.99), st.floats(0.0, 1.0))
def test_the_mean_and_the_order_are_kept(some: list[tuple[float, int]], target: float, epsilon: float) -> None:
    alphas, sizes = [a for a, _ in some], [d for _, d in some]
    found = allocate(alphas, sizes, target, epsilon, 0.99)
    assert float((found * sizes).sum()) == pytest.approx(target * sum(sizes), rel=1e-9, abs=1e-12)
    assert found.min() >= -1e-12
    assert found.max() <= 0.99 + 1e-12
    order = np.argsort(alphas, kind="stable")
    assert np.all(np.diff(found[order]) >= -1e-9)


def test_equal_exponents_get_the_target_and_a_target_above_the_cap_is_refused() -> None:
    assert list(allocate([2.0, 2.0], [1, 9], 0.6, 0.3, 0.99)) == pytest.approx([0.6, 0.6])
    with pytest.raises(UnreachableTarget, match="above the cap"):
        allocate([2.0, 3.0], [1, 1], 0.995, 0.3, 0.99)
