"""What a cell without a number says."""

from frontend.tables.blanks import find_blank, has_cell, legend_of
from tests.frontend.examples import row

NAN = "a: 3 of 32 values are NaN or infinite"


def test_a_number_leaves_no_blank() -> None:
    assert find_blank([row("a", steepness=3.0), row("b")], "steepness") is None


def test_nan_is_told_before_what_is_absent() -> None:
    found = find_blank([row("b", note="too few"), row("a", note=NAN)], "steepness")
    assert found is not None
    assert (found.css, found.text, found.row.weight.name) == ("a-nan", "NaN", "a")
    assert found.title.endswith(": 3 of 32 values are NaN or infinite")
    absent = find_blank([row("b", note="too few")], "steepness")
    assert absent is not None
    assert (absent.css, absent.text, absent.title.endswith(": too few")) == ("a-none", "–", True)


def test_outside_the_blocks_only_numbers_and_nan_have_a_cell() -> None:
    rows = [row("a", note=NAN), row("b", note="too few"), row("c", steepness=1.0)]
    assert [has_cell(one, "steepness") for one in rows] == [True, False, True]


def test_the_legend_has_what_is_there() -> None:
    assert legend_of(["a-1", "a-none"]) == [("a-none", "–", "no value")]
