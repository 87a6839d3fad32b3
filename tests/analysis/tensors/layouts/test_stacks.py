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
