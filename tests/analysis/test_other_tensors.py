"""When the tensors that no diagnostic measures are the base's."""

from analysis.other_tensors import OtherTensors


def test_they_are_equal_where_none_changed_and_none_stands_alone() -> None:
    assert OtherTensors(3, (), (), "a").are_equal
    assert OtherTensors(0, (), (), "a").are_equal
    assert not OtherTensors(3, ("norm.weight",), (), "a").are_equal
    assert not OtherTensors(3, (), ("bias",), "a").are_equal
