"""Fused attention, against what PyTorch computes and what the models' code says."""

import pytest
import torch
from torch import nn

from analysis.layout import Layout
from analysis.tensors.matrices import matrices
from tests.analysis.tensors.layouts.examples import cut, described


def test_fused_attention_computes_what_pytorch_computes() -> None:
    layer = nn.MultiheadAttention(8, 2, bias=False)
    found = cut({f"self_attn.{name}": t.detach() for name, t in layer.named_parameters()})
    assert torch.equal(found["self_attn.in_proj_weight.k"].slices[0], layer.in_proj_weight.detach()[8:16])


def test_grouped_queries_are_counted_by_the_output_projection() -> None:
    shapes = {
        "model.layers.0.self_attn.qkv_proj.weight": (48 + 2 * 16, 32),
        "model.layers.0.self_attn.o_proj.weight": (32, 48),
    }
    planned = matrices(described(shapes)["model.layers.0.self_attn.qkv_proj.weight"])
    assert [(one.role, one.rows) for one in planned] == [("q", 48), ("k", 16), ("v", 16)]


@pytest.mark.parametrize(
    "name",
    [
        "gpt_neox.layers.0.attention.query_key_value.weight",  # head by head
        "decoder.layers.0.self_attention.linear_qkv.weight",
        "transformer.h.0.attn.qkv_proj.weight",  # CodeGen
    ],
)
def test_what_lies_head_by_head_stays_whole(name: str) -> None:
    assert described({name: (24, 8)})[name].layout == Layout.MATRIX
