"""The order of a network's weights, from names in the order of files."""

import pytest

from analysis.names.order import natural, network_order


def test_blocks_of_a_file_in_text_order_follow_by_number() -> None:
    names = sorted(f"model.layers.{block}.{part}.weight" for block in range(24) for part in ("mlp.up", "attn.q"))
    found = [int(name.split(".")[2]) for name in network_order(names)]
    assert found == sorted(found)


def test_a_file_in_the_order_of_the_modules_stays_as_it_is() -> None:
    names = ["wte", "h.0.attn.q", "h.0.attn.k", "h.0.mlp", "h.1.attn.q", "h.1.attn.k", "h.1.mlp", "ln", "head"]
    assert network_order(names) == names


def test_stacks_stay_in_one_piece() -> None:
    names = ["enc.layer.10.a", "dec.layer.1.a", "enc.layer.9.a", "dec.layer.0.a"]
    assert network_order(names) == ["enc.layer.9.a", "enc.layer.10.a", "dec.layer.0.a", "dec.layer.1.a"]


@pytest.mark.parametrize("pattern", ["Block_{}/kernel", "experts.{}.up", "conv{}", "h.{}"])
def test_numbers_count_wherever_they_stand(pattern: str) -> None:
    names = [pattern.format(number) for number in (0, 1, 10, 11, 2, 3)]
    assert network_order(names) == [pattern.format(number) for number in (0, 1, 2, 3, 10, 11)]


def test_a_name_counts_once_and_may_be_empty() -> None:
    assert network_order(["a.1", "", "a.1"]) == ["", "a.1"]


def test_texts_with_numbers() -> None:
    said = ["Block 10 · key", "Block 2 · query", "block 2 · Key", "Pooler", "2"]
    assert sorted(said, key=natural) == ["2", "block 2 · Key", "Block 2 · query", "Block 10 · key", "Pooler"]
