"""Names of checkpoints cut to fit a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.names.short import LONGEST, abbreviate, short_names

RUNS = [f"llama-3-8b-instruct-run-2026-{n}-checkpoint-500" for n in range(3)]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["base", "lora", "full"], ("base", "lora", "full")),
        (["base", *RUNS], ("base", "run-2026-0", "run-2026-1", "run-2026-2")),
        (["meta-llama-3-8b", "meta-llama-3-8b-lora-r8"], ("meta-llama-3-8b", "lora-r8")),
        (["base", "same-name-of-a-large-model", "same-name-of-a-large-model-2"], ("base", "model", "model-2")),
    ],
)
def test_what_all_share_is_left_out(names: list[str], short: tuple[str, ...]) -> None:
    assert short_names(names) == short


def test_names_that_differ_in_the_middle_alone_are_numbered() -> None:
    names = [f"{'a' * 20}{n}{'a' * 20}" for n in range(3)]
    assert [name.split(":")[0] for name in short_names(names)] == ["0", "1", "2"]


@given(st.lists(st.text("ab1-_./ ", min_size=1, max_size=50), min_size=1, max_size=6, unique=True))
def test_no_two_are_alike_and_none_is_empty(names: list[str]) -> None:
    short = short_names(names)
    assert len(set(short)) == len(names) == len(short)
    assert all(short)
    assert max(map(len, short)) <= LONGEST


@pytest.mark.parametrize("width", [10, 20, 21])
def test_a_name_loses_its_middle(width: int) -> None:
    name = "Block 12 · attention output"
    short = abbreviate(name, width)
    assert len(short) == width
    assert short.startswith(name[:4])
    assert short.endswith(name[-4:])
    assert abbreviate("Pooler", 6) == "Pooler"
