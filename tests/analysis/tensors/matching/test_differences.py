"""Shapes and orientations that differ, and what is paired nevertheless."""

import pytest

from analysis.tensors.matching import align
from tests.analysis.tensors.matching.examples import QUERY, WORDS, Shapes, bert, member, pairs, reasons


def test_another_shape_is_said_with_both() -> None:
    tuned = {**bert(), QUERY: (16, 8)}
    ours, theirs = reasons(align([member(bert()), member(tuned)]))
    assert ours[QUERY] == theirs[QUERY] == "shape differs: 16 × 8 against 8 × 8 in the base"


@pytest.mark.parametrize("words", [28, 33])
def test_a_resized_vocabulary_is_compared_in_the_rows_that_both_have(words: int) -> None:
    alignment = align([member(bert()), member(bert(words=words))])
    assert pairs(alignment)[WORDS] == WORDS


@pytest.mark.parametrize(("base", "tuned"), [((2, 8), (3, 8)), ((30, 8), (30, 9))])
def test_a_classifier_of_other_classes_is_no_vocabulary(base: tuple[int, ...], tuned: tuple[int, ...]) -> None:
    alignment = align([member({**bert(), "classifier.weight": base}), member({**bert(), "classifier.weight": tuned})])
    assert "classifier.weight" not in pairs(alignment)
    assert "shape differs" in reasons(alignment)[0]["classifier.weight"]


def test_the_orientation_of_conv1d_and_linear_does_not_matter() -> None:
    place = "h.0.mlp"
    gpt2: Shapes = {f"{place}.c_fc.weight": (8, 32), f"{place}.c_fc.bias": (32,), f"{place}.c_proj.weight": (8, 8)}
    nano: Shapes = {f"{place}.c_fc.weight": (32, 8), f"{place}.c_fc.bias": (32,), f"{place}.c_proj.weight": (8, 8)}
    (wide, square) = align([member(gpt2), member(nano)]).rows
    assert [partner and partner.turned for partner in (*wide.partners, *square.partners)] == [True, True]
    (wide, square) = align([member(gpt2), member(gpt2)]).rows
    assert [partner and partner.turned for partner in (*wide.partners, *square.partners)] == [False, False]
