"""What stands in a tuned checkpoint for a tensor of the base."""

from analysis.adapters.names import AdaptedModule
from analysis.tensors.matching.partners import Partner
from analysis.tensors.matrices import Header, describe


def test_the_names_that_make_it_up() -> None:
    one, other = describe({name: Header((4, 4), "float32", 64) for name in ("a.weight", "b.weight")})
    assert Partner(one).tensors == ("a.weight",)
    assert Partner(AdaptedModule("a.weight", ("A", "B"))).tensors == ("A", "B")
    assert Partner(one, stacked=(one, other)).tensors == ("a.weight", "b.weight")
    assert [Partner(one).whole, Partner(one, piece=0).whole, Partner(one, stacked=(one,)).whole] == [True, False, False]
