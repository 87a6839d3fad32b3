"""Stacked experts and relations, against the matrices that they hold."""

import torch

from analysis.layout import Layout
from tests.analysis.tensors.layouts.examples import cut, described, laid


def test_a_stack_of_experts_with_a_bias_each_is_no_convolution() -> None:
    assert laid("layer.input_linear.weight", {"layer.input_linear.weight": (8, 256, 64)}).layout == Layout.STACK
    assert laid("bilinear.weight", {"bilinear.weight": (128, 64, 40), "bilinear.bias": (128,)}).layout == Layout.STACK


def test_relations_of_a_graph_are_matrices() -> None:
    """PyTorch Geometric's RGCNConv: (relations, in, out) beside root (in, out)."""
    found = described({"conv1.weight": (5, 16, 8), "conv1.root": (16, 8)})["conv1.weight"]
    assert (found.layout, found.transposed) == (Layout.STACK, True)
    typed = described({"layers.0.linear_r.W": (5, 16, 8)})["layers.0.linear_r.W"]  # DGL's TypedLinear
    assert (typed.layout, typed.transposed) == (Layout.STACK, True)


def test_steps_of_a_gated_graph_are_matrices() -> None:
    """PyTorch Geometric's GatedGraphConv: x @ weight[step], beside its GRU."""
    state = {"conv.weight": torch.randn(3, 64, 64), "conv.rnn.weight_ih": torch.randn(192, 64)}
    found = cut(state)
    assert torch.equal(found["conv.weight.2"].slices[0], state["conv.weight"][2].T)


def test_experts_of_gpt_oss_in_its_own_file_alternate() -> None:
    """gpt_oss/torch/model.py, swiglu: every other output is the gate."""
    state = {"block.0.mlp.mlp1_weight": torch.randn(2, 80, 40), "block.0.mlp.mlp2_weight": torch.randn(2, 40, 40),
             "block.0.mlp.mlp1_bias": torch.randn(2, 80)}  # fmt: skip
    found = cut(state)
    assert torch.equal(found["block.0.mlp.mlp1_weight.1.gate"].slices[0], state["block.0.mlp.mlp1_weight"][1, ::2])


def test_grouped_experts_of_transformer_engine_hold_gate_and_up() -> None:
    experts = "decoder.layers.0.mlp.experts"
    state = {f"{experts}.linear_fc{at}.weight{expert}": torch.randn(shape)
             for at, shape in ((1, (80, 30)), (2, (30, 40))) for expert in (0, 1)}  # fmt: skip
    labels = {weight.info.label for weight in cut(state).values()}
    assert labels == {f"Decoder block 0 · expert {expert} {part}"
                      for expert in (0, 1) for part in ("gate", "up", "down")}  # fmt: skip


def test_one_expert_alone_is_cut_as_several_are() -> None:
    """A shard that holds one expert."""
    found = cut(
        {
            "layers.0.mlp.experts.gate_up_proj": torch.randn(1, 6, 4),
            "layers.0.mlp.experts.down_proj": torch.randn(1, 4, 3),
        }
    )
    assert list(found) == ["layers.0.mlp.experts.0.gate_proj", "layers.0.mlp.experts.0.up_proj",
                           "layers.0.mlp.experts.0.down_proj"]  # fmt: skip
