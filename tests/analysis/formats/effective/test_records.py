"""The records of what is recognised."""

from analysis.formats.effective.records import Effective, Recognised


def test_a_weight_has_its_own_name_and_its_parts_theirs() -> None:
    made = Effective("a.qweight", "a.weight", (2, 3), {"codes": "a.qweight", "scales": "a.scales"}, "gptq", "GPTQ")
    assert (made.reasons, made.numbers, made.quantised) == ({}, {}, False)
    assert not Recognised().weights
    assert not Recognised().left
