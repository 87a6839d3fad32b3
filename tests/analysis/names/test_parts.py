"""Names in their components."""

import pytest

from analysis.names.parts import CONSIDERED, components, is_index, parts


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("h.0.attn.c_attn.weight", ["h", "0", "attn", "c_attn"]),
        ("params/Encoder_0/query/kernel:0", ["params", "Encoder_0", "query"]),  # Flax, TensorFlow
        ("conv.parametrizations.weight.original1", ["conv"]),
        ("weight", ["weight"]),
        ("", [""]),
    ],
)
def test_endings_that_say_nothing_are_left_out(name: str, found: list[str]) -> None:
    assert components(name) == found
    assert parts(name) == [word.lower() for word in found]


def test_only_the_end_of_a_long_name_is_looked_at() -> None:
    assert sum(map(len, components("a." * 10_000 + "b"))) <= CONSIDERED


def test_numbers_are_ascii_digits() -> None:
    assert is_index("12")
    assert not is_index("²")
    assert not is_index("")
