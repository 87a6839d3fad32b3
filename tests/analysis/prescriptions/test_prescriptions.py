"""The registry: what every rule has to declare."""

import pytest

from analysis.errors import OptionError
from analysis.prescriptions import PRESCRIPTIONS, Rule, rule


@pytest.mark.parametrize("known", PRESCRIPTIONS, ids=lambda known: known.name)
def test_a_rule_declares_all_that_its_page_says(known: Rule) -> None:
    assert all((known.title, known.reference, known.description, known.inputs, known.value))
    assert known.validated_on.endswith(".")
    assert known.settings({}) is not None
    assert all(option.meaning for option in known.options)
    assert known.most is None or known.fewest <= known.most


def test_names_are_unique_and_another_is_refused() -> None:
    assert len({known.name for known in PRESCRIPTIONS}) == len(PRESCRIPTIONS)
    with pytest.raises(OptionError, match=r"there is no rule pruning; there are: .*trainable"):
        rule("pruning")
