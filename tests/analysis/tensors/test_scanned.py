"""Stacks of layers in one tensor each, as openpi and big_vision store them."""

import torch

from analysis.tensors.header import Header
from analysis.tensors.matrices import describe
from analysis.tensors.scanned import layer_name, scanned_layers
from tests.analysis.tensors.layouts.examples import cut, described

D, F, H, N, L = 12, 20, 6, 3, 4
LLM = {  # openpi, PaliGemma/llm
    "llm/embedder/input_embedding": (40, D),
    "llm/layers/attn/q_einsum/w": (L, N, D, H),
    "llm/layers/attn/kv_einsum/w": (L, 2, 1, D, H),
    "llm/layers/attn/attn_vec_einsum/w": (L, N, H, D),
    "llm/layers/mlp/gating_einsum": (L, 2, D, F),
    "llm/layers/mlp/linear": (L, F, D),
    "llm/layers/pre_attention_norm/scale": (L, D),
    "llm/final_norm/scale": (D,),
}
IMAGE = {  # SigLIP of big_vision
    "img/Transformer/encoderblock/MultiHeadDotProductAttention_0/query/kernel": (L, D, N, 4),
    "img/Transformer/encoderblock/MultiHeadDotProductAttention_0/query/bias": (L, N, 4),
    "img/Transformer/encoderblock/MlpBlock_0/Dense_0/kernel": (L, D, F),
    "img/Transformer/encoderblock/MlpBlock_0/Dense_0/bias": (L, F),
    "img/Transformer/encoderblock/LayerNorm_0/scale": (L, D),
}


def test_each_layer_is_a_block() -> None:
    state = {name: torch.randn(shape) for name, shape in LLM.items()}
    found = cut(state)
    gate = found["llm/layers/2/mlp/gating_einsum.gate"]
    assert torch.equal(gate.slices[0], state["llm/layers/mlp/gating_einsum"][2, 0].T)
    assert (gate.info.label, gate.info.depth, gate.info.role) == ("Block 2 · MLP gate", 2, "gate")
    key = found["llm/layers/3/attn/kv_einsum/w.k"]
    assert torch.equal(key.slices[0], state["llm/layers/attn/kv_einsum/w"][3, 0, 0].T)
    queries = found["llm/layers/0/attn/q_einsum/w"]
    assert torch.equal(queries.slices[0], state["llm/layers/attn/q_einsum/w"][0].transpose(1, 2).reshape(N * H, D))
    assert {weight.info.role for weight in found.values()} == {"q", "k", "v", "o", "gate", "up", "down", "embedding"}
    labels = [weight.info.label for weight in found.values()]
    assert len(set(labels)) == len(labels) == 1 + 7 * L


def test_gains_and_biases_of_a_stack_are_no_matrices() -> None:
    found = described({**LLM, **IMAGE})
    assert found["llm/layers/pre_attention_norm/scale"].skip == "one-dimensional: a bias or a norm gain"
    assert {info.shape for info in found.values()} == set({**LLM, **IMAGE}.values())
    assert [info.layout for info in found.values() if info.skip is None and info.axes[:1] == "l"] == ["axes"] * 7


def test_layers_on_the_second_side() -> None:
    """MaxText: (d, layers, …)."""
    shapes = {"decoder/layers/self_attention/query/kernel": (D, L, N, H), "decoder/layers/mlp/wo/kernel": (F, L, D),
              "decoder/layers/mlp/wi_0/kernel": (D, L, F), "decoder/layers/norm/scale": (D, L)}  # fmt: skip
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    found = cut(state)
    assert torch.equal(found["decoder/layers/1/mlp/wo/kernel"].slices[0], state["decoder/layers/mlp/wo/kernel"][:, 1].T)
    queries = state["decoder/layers/self_attention/query/kernel"][:, 1].flatten(1)
    assert torch.equal(found["decoder/layers/1/self_attention/query/kernel"].slices[0], queries.T)


def test_kernels_of_several_layers_are_left_out_with_the_reason() -> None:
    shapes = {"blocks/conv/kernel": (L, 3, 3, 8, 16), "blocks/norm/scale": (L, 16), "blocks/norm/bias": (L, 16),
              "blocks/dense/kernel": (L, 16, 16)}  # fmt: skip
    found = described(shapes)
    assert found["blocks/conv/kernel"].skip is not None
    assert "4 layers" in found["blocks/conv/kernel"].skip
    assert found["blocks/dense/kernel"].skip is None


def test_layers_with_numbers_are_no_stack() -> None:
    shapes = {f"layers.{at}.{leaf}": (4, 4) for at in range(3) for leaf in ("a.weight", "b.weight", "norm.scale")}
    headers = {name: Header(shape, "float32", 64) for name, shape in shapes.items()}
    assert scanned_layers(headers) == {}
    assert all(info.axes == "" for info in describe(headers))
    assert layer_name("model.layers.mlp.weight", 3) == "model.layers.3.mlp.weight"
