"""The reason of each tensor that has no partner."""

from dataclasses import replace
from typing import Literal

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


@pytest.mark.parametrize("kind", ["model", "adapter"])
def test_a_packed_base_is_the_cause_under_whatever_names(kind: Literal["model", "adapter"]) -> None:
    """AQLM keeps "….query.codes" and "….query.codebooks" where the weight was."""
    layer = QUERY.removesuffix(".weight")
    headers = {f"model.{layer}.codes": (8, 1, 1), f"model.{layer}.codebooks": (1, 256, 1, 8)}
    infos = describe({name: Header(shape, "int8", 64) for name, shape in headers.items()})
    packed = replace(infos[0], skip="packed quantised weight (AQLM): its values need unpacking first")
    base = Member("model", (packed, *infos[1:], *member({"head.weight": (9, 8)}).tensors))
    tuned = member(lora(layer), "adapter") if kind == "adapter" else member({QUERY: (8, 8)})
    with pytest.raises(WrongBase) as refused:
        check_base(align([base, tuned]), ["base", "tuned"])
    assert refused.value.code == "packed-base"
    assert "AQLM" in refused.value.message


def test_a_module_that_the_base_lacks_is_named() -> None:
    adapter = lora("encoder.layer.0.attention.self.query", "encoder.layer.7.attention.self.query")
    ours, _ = reasons(align([member(bert()), member(adapter, "adapter")]))
    assert len(ours) == 2
    why = "changes encoder.layer.7.attention.self.query.weight, which the base does not have"
    assert set(ours.values()) == {why}
