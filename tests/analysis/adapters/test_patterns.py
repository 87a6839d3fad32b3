"""Patterns over module names, against Python's own regular expressions as PEFT uses them."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.adapters.patterns import LONGEST_KEY, MOST_PATTERNS, SECONDS, check, choose_value, fits
from analysis.errors import DamagedFile


def theirs(key: str, name: str) -> bool:
    """As peft.utils.other.get_pattern_key does it."""
    return re.match(rf"(.*\.)?({key})$", name) is not None


PUBLIC = [
    "q_proj", "layers.0.self_attn.q_proj", r"model\.layers\.\d+\.mlp", "^model.layers.1.q", "layers.[0-9]+.q",
    r".*\.q_proj", "(q|v)_proj", "(?:q|v)_proj", r"layers\.(0|1|11)\..*(q|v)_proj", "q$", "q?k*", "q|k_proj",
    r"layers\.[02-4]\.q", r"\w+_proj", "self-attn", "", r"layers\.\d{1,2}\..*q", r"layers\.[^03]\.q",
    r".*\.(?!k_)\w+_proj", r"(?i:Q_PROJ)", r"(?P<n>layers)\.(?:1{2})\.q", r"(?<=layers\.)11\.q",
    r"\S+\.self_attn\.[qv]_proj\b", "q{e<=2}",
    "a{,2}q_proj",
]  # fmt: skip
NAMES = [
    "q_proj", "model.layers.0.self_attn.q_proj", "model.layers.11.mlp", "layers.11.q", "model.layers.1.q",
    "x.model.layers.1.q", "v_proj", "layers.3.q", "layers.11.self_attn.v_proj", "qkk", "k_proj", "self-attn", "", ".",
]  # fmt: skip


@pytest.mark.parametrize("key", PUBLIC)
def test_it_fits_what_peft_fits(key: str) -> None:
    assert [fits(key, name) for name in NAMES] == [theirs(key, name) for name in NAMES]


atoms = st.sampled_from(
    ["a", "b", "1", ".", r"\.", r"\d", r"\w", "[ab]", "[0-9]", "^", "$", "(a|b)", "(ab|1)", "(?:a)"]
)
pieces = st.builds(
    lambda atom, sign: atom if atom in "^$" else atom + sign, atoms, st.sampled_from(["", "", "?", "*", "+"])
)
keys = st.lists(pieces, max_size=6).map("".join) | st.lists(pieces, min_size=1, max_size=3).map("|".join)


@given(key=keys, name=st.text(alphabet="ab1.", max_size=10))
def test_it_fits_what_peft_fits_of_any_kind(key: str, name: str) -> None:
    assert fits(key, name) == theirs(key, name)


@pytest.mark.parametrize("key", ["(a", "a)", "*a", "a**", "[]", "a\\", "[[a]", "(?<=a+)b", "a{1000}"])
def test_what_python_does_not_compile_is_refused(key: str) -> None:
    with pytest.raises(DamagedFile, match=r"alpha_pattern: the pattern .* is not matched here") as caught:
        check({"fine": 1, key: 2}, "alpha_pattern")
    assert caught.value.code == "adapter-settings"


def test_too_much_of_it_is_refused() -> None:
    with pytest.raises(DamagedFile, match="301 characters"):
        check({"a" * (LONGEST_KEY + 1): 1}, "rank_pattern")
    with pytest.raises(DamagedFile, match="10,001 patterns"):
        check(dict.fromkeys(map(str, range(MOST_PATTERNS + 1)), 1), "rank_pattern")
    with pytest.raises(DamagedFile, match="is not matched here"):
        check({"(" * LONGEST_KEY: 1}, "rank_pattern")


@pytest.mark.parametrize("key", ["(a*)*b", "((a+)+)+b", "(a|a)*" * 8 + "b", r"(.*a){40}b", "(?:a?){500}b"])
def test_no_pattern_takes_long(key: str) -> None:
    began = time.monotonic()
    with suppress(DamagedFile):
        assert not fits(key, "a" * 499)
    assert time.monotonic() - began < 5 * SECONDS


def test_a_pattern_without_end_is_refused_by_name() -> None:
    with pytest.raises(DamagedFile, match=r"the pattern .* takes more than 1 s on aaa") as caught:
        choose_value({"(a|aa)+(a|aa)+(a|aa)+c": 1}, "a" * 499, 2)
    assert caught.value.code == "adapter-settings"


def test_the_first_that_fits_counts() -> None:
    pattern = {"layers.0.q": 1, "q": 2, "layers.0.k": 3}
    assert [choose_value(pattern, f"layers.{name}", 9) for name in ("0.q", "1.q", "0.k", "0.v")] == [1, 2, 3, 9]


def test_a_name_beyond_all_names_fits_nothing() -> None:
    assert choose_value({".*": 1}, "a" * 501, 2) == 2
