"""The reason of each tensor that has no partner."""

import pytest

from analysis.errors import WrongBase
from analysis.tensors.matching import Member, align, check_base
from analysis.tensors.matrices import Header, describe
from tests.analysis.tensors.matching.examples import QUERY, bert, lora, member, pairs, reasons


def test_what_only_one_side_has_is_listed_on_that_side() -> None:
    base = {**bert(), "pooler.dense.weight": (8, 8)}
    tuned = {**bert(), "classifier.weight": (3, 8)}
    ours, theirs = reasons(align([member(base), member(tuned)]))
    assert ours == {"classifier.weight": "not in the base"}
    assert theirs == {"pooler.dense.weight": "not in this checkpoint"}


def test_a_quantised_copy_is_left_out_with_its_reason() -> None:
    tuned = describe({name: Header(shape, "int8", 64) for name, shape in bert().items()})
    alignment = align([member(bert()), Member("model", tuned)])
    assert pairs(alignment) == {}
    assert reasons(alignment)[1][QUERY].startswith("left out: whole numbers (int8)")
    with pytest.raises(WrongBase):
        check_base(alignment, ["base", "int8"])


def test_a_module_that_the_base_lacks_is_named() -> None:
    adapter = lora("encoder.layer.0.attention.self.query", "encoder.layer.7.attention.self.query")
    ours, _ = reasons(align([member(bert()), member(adapter, "adapter")]))
    assert len(ours) == 2
    why = "changes encoder.layer.7.attention.self.query.weight, which the base does not have"
    assert set(ours.values()) == {why}
