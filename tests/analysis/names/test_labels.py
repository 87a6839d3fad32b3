"""What a reader calls a weight."""

import pytest

from analysis.names.labels import block, distinct, expert_of, label_of
from analysis.names.parts import parts


@pytest.mark.parametrize(
    ("name", "role", "depth", "label"),
    [
        ("decoder.block.3.layer.1.EncDecAttention.k.weight", "k", 3, "Decoder block 3 · cross-attention key"),
        ("model.layers.7.mlp.experts.17.up_proj.weight", "up", 7, "Block 7 · expert 17 up"),
        ("decoder.layers.3.ffn.experts.expert_7.fc1.weight", "up", 3, "Decoder block 3 · expert 7 up"),
        ("model.layers.7.mlp.shared_expert.up_proj.weight", "up", 7, "Block 7 · shared expert up"),
        ("layers.0.mlp.shared_experts.1.gate_proj", "gate", 0, "Block 0 · shared expert 1 gate"),
        ("layers.0.mlp.input_linear.weight.3.gate", "gate", 0, "Block 0 · MLP gate 3"),
        ("blk.2.ffn_gate_exps.3.weight", "gate", 2, "Block 2 · expert 3 gate"),
        ("blk.2.ffn_down_shexp.weight", "down", 2, "Block 2 · shared expert down"),
        ("rnn.weight_hh_l0.forget_gate", "recurrent", None, "Layer 0 forget gate from the state"),
        ("cls.predictions.decoder.weight", "head", None, "Output head"),
    ],
)
def test_labels(name: str, role: str, depth: int | None, label: str) -> None:
    assert label_of(name, role, depth) == label


def test_where_and_more_are_said() -> None:
    assert label_of("up_blocks.1.attn1.to_q.weight", "q", 4, "Up block 1", "attn1") == "Up block 1 · attn1 query"
    assert [block("Decoder", 3), block("", 0), block("Mid", None), block("", None)] == [
        "Decoder block 3", "Block 0", "Mid block", "",
    ]  # fmt: skip


def test_what_others_are_called_too_is_told_apart() -> None:
    names = [f"b.0.attentions.{at}.{attn}.to_q.weight" for at in (0, 1) for attn in ("attn1", "attn2")]
    found = distinct({name: ["Block 0 · query"] for name in names} | {"head.weight": ["Output head"]})
    assert list(found.values()) == ["attentions.0 attn1", "attentions.0 attn2", "attentions.1 attn1",
                                    "attentions.1 attn2"]  # fmt: skip


def test_the_same_words_in_another_order_are_told_apart() -> None:
    found = distinct({"a.b.weight": ["X"], "b.a.weight": ["X"]})
    assert len(set(found.values())) == 2


def test_experts_are_found_in_names() -> None:
    assert expert_of(parts("layers.0.block_sparse_moe.experts.12.w1.weight")) == "expert 12"
    assert expert_of(parts("layers.0.mlp.up_proj.weight")) is None


def test_grouped_experts_and_stacks_have_numbers() -> None:
    name = "decoder.layers.1.mlp.experts.linear_fc2.weight17"  # Transformer Engine
    assert label_of(name, "down", 1) == "Decoder block 1 · expert 17 down"
    assert label_of("block.0.mlp.mlp1_weight.3.gate", "gate", 0) == "Block 0 · MLP gate 3"
