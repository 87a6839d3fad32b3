"""The recipe: what it takes, and what it says to what it does not."""

import math

import pytest

from analysis.errors import OptionError
from analysis.mitigation.options import OPTIONS, RANK, MitigationOptions


def test_nothing_asked_is_what_peft_does_by_default() -> None:
    assert MitigationOptions.of({}) == MitigationOptions(
        factor=0.75, k=10, epsilon=0.5, only="all", form="auto", rank=None
    )


def test_it_goes_through_json_and_back() -> None:
    recipe = MitigationOptions(factor=0.0, k=3, epsilon=0.4, only="strongest", form="weights", rank=12)
    assert MitigationOptions.of(recipe.to_json()) == recipe
    assert set(recipe.to_json()) == {option.name for option in (*OPTIONS, RANK)}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"lambda": -0.1}, "option lambda: -0.1 is not a number from 0 to 10"),
        ({"lambda": math.nan}, "option lambda: nan"),
        ({"lambda": "half"}, "option lambda: 'half'"),
        ({"lambda": True}, "option lambda: True"),
        ({"k": 0}, "option k: 0 is not a whole number from 1 to 64"),
        ({"k": 2.5}, "option k: 2.5"),
        ({"epsilon": 1.5}, "option epsilon: 1.5 is not a number from 0 to 1"),
        ({"only": "weakest"}, "option only: 'weakest' is not one of 'all', 'strongest', 'guarded'"),
        ({"form": "gguf"}, "option form: 'gguf'"),
        ({"rank": 0}, "option rank: 0"),
        ({"factor": 0.5}, "a mitigation has no option factor; it has: lambda, k, epsilon, only, form, rank"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_takes(asked: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        MitigationOptions.of(asked)
    assert said in caught.value.message
