"""Every method that PEFT knows is computed or refused with a reason, and no other name is."""

from dataclasses import fields
from typing import Any

import pytest

from analysis.adapters.methods import DELEGATED, DIRECT, REFUSED
from tests.adapters import peft


def test_every_method_of_peft_is_decided() -> None:
    known = set(peft().PeftType.__members__)
    assert len(known) > 40
    assert (DIRECT | DELEGATED.keys() | REFUSED.keys()) - known == {"BONE"}  # of PEFT before 0.18
    assert known <= DIRECT | DELEGATED.keys() | REFUSED.keys()


def test_no_method_is_decided_twice() -> None:
    assert not REFUSED.keys() & (DIRECT | DELEGATED.keys())
    assert DIRECT & DELEGATED.keys() == {"LORA"}  # most of it here, two relatives by PEFT


def test_a_refusal_is_a_sentence() -> None:
    assert all(len(reason.split()) > 5 and not reason.endswith(".") for reason in REFUSED.values())


@pytest.mark.parametrize("method", sorted(DELEGATED.keys() - {"BONE"}))
def test_the_settings_are_pefts(method: str) -> None:
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    theirs: Any = PEFT_TYPE_TO_CONFIG_MAPPING[peft().PeftType[method]]
    known = {field.name for field in fields(theirs)}
    ours = DELEGATED[method]
    named = {*ours.settings, *ours.patterns, *ours.patterns.values(), *ours.fixed, *ours.needed}
    assert named <= known
    assert set(ours.patterns) <= set(ours.settings)
