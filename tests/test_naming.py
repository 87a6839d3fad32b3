import ast
import doctest

import pytest

from tests import naming
from tests.naming import Share, function_names, is_bare, share_of, variable_names


@pytest.mark.parametrize(
    "name", ["found", "_told", "given_back", "again", "left_here", "measured_in_blocks", "far_away"]
)
def test_a_participle_or_an_adverb_alone(name: str) -> None:
    assert is_bare(name)


@pytest.mark.parametrize(
    "name",
    [
        "find",
        "embed",
        "speed",
        "found_rows",
        "is_found",
        "read_file",
        "__enter__",
        "_",
        "wait_until",
        "needed_scope",
        "run",
    ],
)
def test_names_with_a_verb_or_a_noun(name: str) -> None:
    assert not is_bare(name)


def test_names_of_a_source() -> None:
    tree = ast.parse("""
TOLD = 1
class Row:
    text: str
    def show(self, seen, *rest):
        found = again = [one for one in seen]
        def inner(seen): found = seen
        found = 2
""")
    assert sorted(function_names(tree)) == ["inner", "show"]
    assert variable_names(tree) == ["TOLD", "again", "found", "one", "rest", "seen", "found", "seen"]


def test_shares() -> None:
    assert share_of(["found", "find", "rows", "told"]) == Share(2, 4)
    assert share_of(["found", "find", "rows", "told"]).percent == 50.0
    assert share_of([]).percent == 0.0


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(naming).failed == 0
