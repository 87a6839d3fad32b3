from typing import Any

import pytest
import yaml

from analysis.prescriptions.lineage.card import RELATIONS, model_card
from analysis.prescriptions.lineage.verdict import HUB, Verdict


def verdict(relation: str) -> Any:
    return Verdict("org/base: 7B", relation, 0.99, 0.1, 9, 0.0, {})


@pytest.mark.parametrize("relation", ["near", "quantised", "vectors-only"])
def test_the_hub_reads_the_relation(relation: str) -> None:
    card = yaml.safe_load(model_card(verdict(relation)))
    assert card == {"base_model": "org/base: 7B", "base_model_relation": HUB[relation]}
    assert card["base_model_relation"] in RELATIONS


def test_where_the_weights_do_not_say_it_nothing_is_claimed() -> None:
    assert yaml.safe_load(model_card(verdict("permuted"))) == {"base_model": "org/base: 7B"}
    assert yaml.safe_load(model_card(verdict("unrelated"))) is None
    assert yaml.safe_load(model_card(None)) is None
