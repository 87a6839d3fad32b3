"""An alignment as data: its rows, and the tensors of each checkpoint."""

from dataclasses import asdict

from analysis.tensors.matching import align
from tests.analysis.tensors.matching.examples import WORDS, bert, member, pairs, reasons


def test_every_matrix_of_the_same_model_pairs_with_itself() -> None:
    alignment = align([member(bert()), member(bert(), dtype="bfloat16")])
    assert pairs(alignment) == {name: name for name in bert() if not name.endswith("bias")}
    assert reasons(alignment) == ({}, {})
    assert list(alignment.tensors_of(0)) == [row.base.name for row in alignment.rows]
    assert alignment.tensors_of(1) == pairs(alignment)


def test_an_alignment_is_plain_data() -> None:
    assert asdict(align([member(bert()), member(bert())]))["rows"][0]["base"]["name"] == WORDS
