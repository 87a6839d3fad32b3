"""Bases that are refused, and models of several widths."""

import pytest

from analysis.errors import WrongBase
from analysis.tensors.matching import align, check_base
from tests.analysis.tensors.matching.examples import Shapes, bert, lora, member, pairs


def test_an_adapter_is_no_base() -> None:
    with pytest.raises(WrongBase, match="must be the whole model") as refused:
        align([member(lora("q"), "adapter"), member(bert())])
    assert refused.value.code == "base-is-adapter"


@pytest.mark.parametrize("tuned", [bert(width=16), {"norm.weight": (8,)}])
def test_a_base_that_nothing_belongs_to_is_refused(tuned: Shapes) -> None:
    with pytest.raises(WrongBase, match="tuned was not trained from base") as refused:
        check_base(align([member(bert()), member(tuned)]), ["base", "tuned"])
    assert refused.value.code == "wrong-base"


def test_a_base_of_another_naming_is_no_wrong_base() -> None:
    with pytest.raises(WrongBase, match="tuned names its layers otherwise than base does") as refused:
        check_base(align([member(bert()), member({"features.0.0.block.weight": (8, 8)})]), ["base", "tuned"])
    assert refused.value.code == "unknown-names"


def test_a_base_is_refused_for_each_tuned_by_itself() -> None:
    alignment = align([member(bert()), member(bert()), member(bert(width=16))])
    with pytest.raises(WrongBase, match=r"wide was not trained from base.*16 × 16 against 8 × 8"):
        check_base(alignment, ["base", "tuned", "wide"])
    check_base(align([member(bert()), member(bert())]), ["base", "tuned"])


def test_models_of_several_widths_pair_by_name() -> None:
    alignment = align([member(bert()), member(bert(width=16))], same_shape=False)
    assert pairs(alignment) == {name: name for name in bert() if not name.endswith("bias")}
