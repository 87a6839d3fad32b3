"""Plans: portions of about equal cost, in order, nothing twice and nothing left out."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.matrices import Header, describe
from app import plans


@given(st.lists(st.floats(plans.PER_TENSOR, 1e13), min_size=1, max_size=200))
def test_portions_hold_every_tensor_once_and_are_about_equal(costs: list[float]) -> None:
    found = plans.portions(dict(enumerate(costs)))
    assert [position for portion in found for position in portion] == list(range(len(costs)))
    total, largest = sum(costs), max(costs)
    share = total / max(1, round(total / min(max(total / 32, plans.LEAST_PER_UNIT), plans.MOST_PER_UNIT)))
    assert max(sum(costs[position] for position in portion) for portion in found) <= 1.001 * (share + largest)


def test_a_small_model_is_one_unit_and_a_large_one_is_many() -> None:
    assert len(plans.portions(dict.fromkeys(range(20), plans.PER_TENSOR))) == 1
    assert len(plans.portions(dict.fromkeys(range(1000), 1e10))) == pytest.approx(50, abs=1)
    assert plans.portions({}) == []


def test_a_tensor_survives_its_json() -> None:
    (info,) = describe({"layers.0.q_proj.weight": Header((8, 4), "float32", 128)})
    stored = {**asdict(info), "shape": [8, 4], "from a later version": 1}
    assert plans.tensor_info(stored) == info
    assert plans.cost_of(info) == plans.PER_TENSOR + 4 * 4 * (8 + 4 * 4)
