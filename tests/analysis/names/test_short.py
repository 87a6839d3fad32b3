"""Names of checkpoints cut to fit a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.names.short import LONGEST, abbreviate, cut_labels, end_of, short_names

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


def test_labels_that_fit_stay_different() -> None:
    long = [f"Block {block} · mixer_{i}.in_projection_matrix" for block in (0, 1) for i in (0, 1)]
    assert cut_labels([*long, "Pooler"], 30) == [
        "Block 0 · mixer_0", "Block 0 · mixer_1", "Block 1 · mixer_0", "Block 1 · mixer_1", "Pooler",
    ]  # fmt: skip
    assert cut_labels(["Block 3 · query", "Block 3 · query"], 30) == ["Block 3 · query"] * 2
    one_by_itself = ["Block 0 · an_unusually_long_projection_matrix"]
    assert cut_labels(one_by_itself, 30) == [abbreviate(one_by_itself[0], 30)]


def test_of_a_long_name_the_end_is_kept() -> None:
    assert end_of("model.layers.12.input_layernorm.weight") == "model.layers.12.input_layernorm.weight"
    assert end_of("x" * 50) == "…" + "x" * 40
