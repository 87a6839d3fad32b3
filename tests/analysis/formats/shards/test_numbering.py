"""Shards that count themselves are complete, or refused."""

from pathlib import Path

import pytest

from analysis.errors import MissingShard
from analysis.formats.shards.numbering import check_numbers


def named(*numbers: int, total: int = 3, ending: str = ".safetensors") -> list[Path]:
    return [Path(f"model-{number:05}-of-{total:05}{ending}") for number in numbers]


@pytest.mark.parametrize("ending", [".safetensors", ".bin", ".gguf"])
def test_a_missing_number_is_named(ending: str) -> None:
    with pytest.raises(MissingShard, match=rf"model-00002-of-00003\{ending} is missing.*of which 2 are there"):
        check_numbers(named(1, 3, ending=ending))


def test_one_of_many_names_three() -> None:
    with pytest.raises(MissingShard, match=r"00001-of.*00002-of.*00003-of-00030\.safetensors and 26 more are missing"):
        check_numbers(named(7, total=30))


def test_complete_ones_count_themselves() -> None:
    assert check_numbers(named(1, 2, 3))
    assert check_numbers(named(0, 1, 2))  # from zero, as some tools do


def test_others_do_not() -> None:
    assert not check_numbers([*named(1, total=1), Path("model.safetensors"), Path("a-1-of-2.bin")])


def test_two_models_are_counted_apart() -> None:
    with pytest.raises(MissingShard, match="other-00001-of-00002"):
        check_numbers([*named(1, 2, 3), Path("other-00002-of-00002.bin")])
