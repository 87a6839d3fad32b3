"""Plans: portions of about equal cost, in order, nothing twice and nothing left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.diagnostics import requests
from analysis.errors import WrongBase
from analysis.tensors.matching import Member
from analysis.tensors.matrices import Header, describe
from app.runs import plans


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


def test_the_cost_of_a_square_matrix_grows_as_its_cube() -> None:
    (info,) = describe({"layers.0.q_proj.weight": Header((8, 4), "float32", 128)})
    assert plans.cost_of(info) == plans.PER_TENSOR + 4 * 4 * (8 + 4 * 4)


# --- several checkpoints --------------------------------------------------------------------------------------------

WIDTH = 64
NAMES = ("base", "lora", "full")


def members() -> list[Member]:
    def model(*names: str) -> Member:
        return Member("model", describe({name: Header((WIDTH, WIDTH), "float32", 4 * WIDTH**2) for name in names}))

    factors = {"layers.0.q_proj.lora_A.weight": (4, WIDTH), "layers.0.q_proj.lora_B.weight": (WIDTH, 4)}
    lora = Member("adapter", describe({name: Header(shape, "float32", 16 * WIDTH) for name, shape in factors.items()}))
    base = model("layers.0.q_proj.weight", "layers.0.k_proj.weight")
    return [base, lora, model("layers.0.q_proj.weight", "layers.0.k_proj.weight", "layers.0.new.weight")]


def test_a_tensor_of_the_base_stands_for_its_partners() -> None:
    one = plans.cost_of(members()[0].tensors[0]) - plans.PER_TENSOR
    alone = plans.costs_of(members(), NAMES, requests({"norms": {}, "esd": {}}))
    assert alone[0] == {0: 3 * (plans.PER_TENSOR + one), 1: 2 * (plans.PER_TENSOR + one)}
    assert alone[2] == {2: plans.PER_TENSOR + one}, "the one that the base does not have"
    pairs = plans.costs_of(members(), NAMES, requests({"update": {}}))
    assert pairs == {
        0: {0: 3 * (plans.PER_TENSOR + plans.VECTORS * one), 1: 2 * (plans.PER_TENSOR + plans.VECTORS * one)}
    }
    both = plans.costs_of(members(), NAMES, requests({"overlap": {}}))
    assert list(both[0]) == [0], "of the second tensor there are no two updates"


def test_each_member_of_a_family_costs_what_its_own_width_does() -> None:
    def model(width: int) -> Member:
        return Member("model", describe({"layers.0.q_proj.weight": Header((width, width), "float32", 4 * width**2)}))

    family = [model(width) for width in (64, 128, 256)]
    found = plans.costs_of(family, ("a", "b", "c"), requests({"top_singular_value": {}, "norms": {}}))
    own = [plans.cost_of(member.tensors[0]) - plans.PER_TENSOR for member in family]
    assert own[2] == 64 * own[0]
    assert found == {0: {0: pytest.approx(3 * plans.PER_TENSOR + (1 + plans.VECTORS) * sum(own))}}


def test_what_cannot_be_compared_has_no_cost() -> None:
    base, lora, full = members()
    for asked, code in (([lora], "adapter-alone"), ([lora, base], "base-is-adapter")):
        with pytest.raises(WrongBase) as refused:
            plans.costs_of(asked, NAMES, requests({"norms": {}}))
        assert refused.value.code == code
    other = Member("model", describe({"x.weight": Header((8, 8), "float32", 256)}))
    with pytest.raises(WrongBase):
        plans.costs_of([other, full], NAMES, requests({"update": {}}))
    assert plans.costs_of([other, full], NAMES, requests({"norms": {}})).keys() == {0, 1}


def test_a_single_checkpoint_costs_what_its_tensors_do() -> None:
    (costs,) = plans.costs_of(members()[:1], NAMES, requests()).values()
    assert costs == {at: plans.cost_of(info) for at, info in enumerate(members()[0].tensors)}
