"""Every tensor as readers see it, with weights formed in the place of their parts."""

import pytest

from analysis.tensors.listing import Beyond, beyond_of, describe_all
from analysis.tensors.matrices import Header

HEADERS = {
    "layers.3.q_proj.qweight": Header((8, 64), "int32", 2048),
    "layers.3.q_proj.scales": Header((1, 64), "float16", 128),
    "layers.3.norm.weight": Header((64,), "float16", 128),
    "lm_head.weight": Header((100, 64), "float16", 12800),
    "embed_tokens.weight": Header((100, 64), "float16", 12800),
}
SAID = {
    "made": {"layers.3.q_proj.qweight": ["layers.3.q_proj.weight", [64, 64], "float32", "dequantised from GPTQ"]},
    "left": {"layers.3.q_proj.scales": "the scales of it"},
    "same": {"lm_head.weight": "embed_tokens.weight"},
}


def test_a_weight_stands_where_its_main_part_is() -> None:
    found = describe_all(HEADERS, beyond_of(SAID))
    assert [info.name for info in found] == list(HEADERS)
    weight, scales, norm, head, embedding = found
    assert (weight.called, weight.role, weight.depth, weight.shape) == ("layers.3.q_proj.weight", "q", 3, (64, 64))
    assert (weight.skip, weight.made, weight.dtype, weight.nbytes) == (None, "dequantised from GPTQ", "float32", 16384)
    assert scales.skip == "the scales of it"
    assert norm.skip is not None
    assert (head.skip, head.same_as) == ("the same tensor as embed_tokens.weight", "embed_tokens.weight")
    assert (embedding.skip, embedding.called) == (None, "embed_tokens.weight")


def test_without_more_the_headers_say_all() -> None:
    assert all(info.made == "" and info.weight == "" for info in describe_all(HEADERS, Beyond()))


@pytest.mark.parametrize(
    "made", [["w", [-1, 2], "float32", ""], ["w", [1], "complex64", ""], ["w", [1]], ["w", ["x"], "float32", ""]]
)
def test_what_makes_no_sense_is_refused(made: list[object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        beyond_of({"made": {"a": made}, "left": {}, "same": {}})


def test_an_odd_gain_has_its_reason() -> None:
    names = [f"layers.{at}.norm.weight" for at in range(4)]
    headers = {name: Header((64,), "float16", 128) for name in names}
    found = describe_all(headers, beyond_of({"made": {}, "left": {}, "same": {}, "gains": {names[2]: 0, names[3]: 30}}))
    plain = "one-dimensional: a bias or a norm gain"
    assert [info.skip for info in found] == [
        plain, plain, f"{plain}; all of its values are 0, those of its siblings are not",
        f"{plain}; 30 times the largest of its siblings' sizes",
    ]  # fmt: skip
