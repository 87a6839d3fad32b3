"""Tied embeddings and heads, of which a file may keep either."""

from analysis.tensors.matching import align
from tests.analysis.tensors.matching.examples import WORDS, Shapes, bert, member, pairs, reasons


def test_a_tied_head_is_the_embedding_that_the_file_kept() -> None:
    base = {f"model.{n}": s for n, s in bert().items() if n != WORDS} | {"model.embed_tokens.weight": (30, 8)}
    tuned = {n: s for n, s in base.items() if n != "model.embed_tokens.weight"} | {"lm_head.weight": (30, 8)}
    assert pairs(align([member(base), member(tuned)]))["model.embed_tokens.weight"] == "lm_head.weight"
    assert pairs(align([member(tuned), member(base)]))["lm_head.weight"] == "model.embed_tokens.weight"


def test_a_head_beside_the_embedding_it_is_tied_to_has_a_row_of_its_own() -> None:
    tied: Shapes = {"model.embed_tokens.weight": (30, 8), "model.layers.0.q_proj.weight": (8, 8)}
    both: Shapes = {**tied, "lm_head.weight": (30, 8)}
    untied = align([member(tied), member(both)])
    head = untied.rows[-1]
    assert (head.base.called, head.base.name, head.base.role) == ("lm_head.weight", "model.embed_tokens.weight", "head")
    assert head.partners[0] is not None
    assert head.partners[0].tensors == ("lm_head.weight",)
    assert reasons(untied)[0] == {}
    _, theirs = reasons(align([member(both), member(tied)]))
    assert theirs == {"lm_head.weight": "not in this checkpoint, whose head is tied to model.embed_tokens.weight"}
