"""Matching by headers alone, case by case."""

from dataclasses import replace

import pytest

from analysis.adapters import AdaptedModule
from analysis.tensors.matching import align
from analysis.weight import TensorInfo
from tests.analysis.tensors.matching.examples import QUERY, WORDS, bert, lora, member, pairs, reasons


@pytest.mark.parametrize("prefix", ["bert.", "module.", "base_model.model.bert."])
def test_prefixes_do_not_matter(prefix: str) -> None:
    alignment = align([member(bert()), member(bert(prefix=prefix))])
    assert pairs(alignment) == {name: prefix + name for name in bert() if not name.endswith("bias")}


def test_the_order_of_the_files_does_not_matter() -> None:
    backwards = dict(reversed(bert().items()))
    assert pairs(align([member(bert()), member(backwards)])) == pairs(align([member(bert()), member(bert())]))


def test_factors_beside_the_weights_do_not_hide_them() -> None:
    tuned = {name.replace(".weight", ".base_layer.weight"): shape for name, shape in bert().items()}
    tuned |= lora("encoder.layer.0.attention.self.query", prefix="")
    alignment = align([member(bert()), member(tuned)])
    assert pairs(alignment)[QUERY] == QUERY.replace(".weight", ".base_layer.weight")
    assert reasons(alignment)[0] == {}, "what they are is said where they are skipped"


def test_the_modules_of_an_adapter_pair_with_what_they_change() -> None:
    adapter = lora("bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.1.attention.self.query")
    alignment = align([member(bert()), member(adapter, "adapter")])
    assert len(pairs(alignment)) == 2
    row = next(row for row in alignment.rows if row.base.name == QUERY)
    assert row.partners[0] is not None
    assert isinstance(row.partners[0].source, AdaptedModule)
    assert set(alignment.tensors_of(1).values()) == {QUERY, QUERY.replace("0", "1")}
    assert len(alignment.tensors_of(1)) == 4
    assert reasons(alignment)[0] == {}
    assert reasons(alignment)[1][WORDS] == "left as it is by the adapter"


def test_a_whole_module_of_an_adapter_is_a_tensor_like_any_other() -> None:
    adapter = lora("encoder.layer.0.attention.self.query") | {f"base_model.model.{WORDS}": (33, 8)}
    row = next(r for r in align([member(bert()), member(adapter, "adapter")]).rows if r.base.name == WORDS)
    assert row.partners[0] is not None
    assert isinstance(row.partners[0].source, TensorInfo)


def test_what_two_tensors_could_be_is_listed_with_both() -> None:
    base = {f"{tower}.{name}": shape for tower in ("text", "vision") for name, shape in bert().items()}
    ours, _ = reasons(align([member(base), member(bert())]))
    assert ours[QUERY] == f"could be any of text.{QUERY}, vision.{QUERY}"


def test_the_configuration_says_which_of_two_stacks_is_the_text_model() -> None:
    """Both towers have the shapes of the adapter, and neither has a name that tells it."""
    names = [
        f"{place}.encoder.layer.{layer}" for place, count in (("llm", 3), ("resampler", 2)) for layer in range(count)
    ]
    base = member({f"{name}.attention.self.query.weight": (8, 8) for name in names})
    adapter = member(lora(*(f"encoder.layer.{layer}.attention.self.query" for layer in range(2))), "adapter")
    assert not pairs(align([base, adapter]))
    assert set(pairs(align([replace(base, facts={"depth": 3}), adapter]))) == {
        f"llm.{QUERY}",
        f"llm.{QUERY}".replace("0", "1"),
    }
    assert not pairs(align([replace(base, facts={"depth": 5}), adapter]))
