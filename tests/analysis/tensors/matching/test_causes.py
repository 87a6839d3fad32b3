"""One sentence for each cause."""

import pytest

from analysis.errors import REJECTIONS
from analysis.tensors.matching.causes import why_nothing_belongs

CAUSES = {
    "empty-tensors": ("empty: its shape is [0]", "ZeRO-3"),
    "packed-base": ("left out in the base: packed quantised weight (AQLM)", "before quant"),
    "ambiguous-names": ("could be any of a.q.weight, b.q.weight", "none is guessed"),
    "unknown-names": ("changes x.q.weight, which the base does not have", "in one naming"),
    "wrong-base": ("shape differs: 3 × 4 against 4 × 4 in the base", "was not trained from"),
}  # fmt: skip


@pytest.mark.parametrize("code", CAUSES)
def test_each_cause_has_its_sentence(code: str) -> None:
    reason, words = CAUSES[code]
    text, found = why_nothing_belongs([("x.q", reason), ("y", "no change of a weight")], "lora", "base")
    assert found == code
    assert words in text
    assert f"(x.q: {reason})" in text
    assert code in REJECTIONS
    assert sum(other in text for _, other in CAUSES.values()) == 1


def test_without_a_known_cause_it_is_the_base() -> None:
    text, code = why_nothing_belongs([], "a", "b")
    assert code == "wrong-base"
    assert "it holds no matrix" in text


def test_names_that_differ_are_told_from_both_sides() -> None:
    reason = "changes stages.0.q_proj.weight, which the base does not have"
    text, _ = why_nothing_belongs([("stages.0.q_proj.lora_A.weight", reason)], "lora", "base", ["block.0.query.weight"])
    assert f"(stages.0.q_proj.lora_A.weight: {reason}; the base has block.0.query.weight)" in text
