"""Heads as slices: fused projections as the models' own code views them, and the attention of transformers itself."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

from analysis.attention import Attention, Facts, attention_facts, attention_of
from analysis.layout import Layout
from analysis.tensors.header import Header
from analysis.tensors.heads import group_of, heads_of, rows_by_group
from analysis.tensors.matrices import describe, outputs, weights
from analysis.weight import Weight, WeightInfo

H, D, N = 8, 4, 32  # heads, their size, the width


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def info(role: str, rows: int, columns: int, slices: int = 1) -> WeightInfo:
    return WeightInfo("w", "w", rows, columns, slices, role, 0)


def cut(name: str, tensor: Tensor, facts: Facts) -> dict[str, Weight]:
    (one,) = describe({name: Header(tuple(tensor.shape), "float32", tensor.nbytes)}, facts)
    return {weight.info.role: weight for weight in weights(one, tensor)}


def test_the_slices_of_each_projection() -> None:
    attention = Attention(heads=4, groups=2, size=8)
    assert [head.rows for head in heads_of(info("q", 32, 64), attention)] == [slice(i, i + 8) for i in (0, 8, 16, 24)]
    assert [head.rows for head in heads_of(info("k", 16, 64), attention)] == [slice(0, 8), slice(8, 16)]
    assert [head.rows for head in heads_of(info("v", 16, 64), attention)] == [slice(0, 8), slice(8, 16)]
    output = heads_of(info("o", 64, 32), attention)
    assert [head.columns for head in output] == [slice(i, i + 8) for i in (0, 8, 16, 24)]
    assert all(head.rows == slice(None) for head in output)
    assert [head.index for head in output] == [0, 1, 2, 3]
    assert [group_of(head, attention) for head in range(4)] == [0, 0, 1, 1]


def test_the_heads_of_a_projection_are_all_of_it() -> None:
    matrix = numbers(H * D, N)
    parts = [matrix[head.rows, head.columns] for head in heads_of(info("q", H * D, N), Attention(H, H))]
    assert torch.equal(torch.cat(parts), matrix)
    back = numbers(N, H * D)
    parts = [back[head.rows, head.columns] for head in heads_of(info("o", N, H * D), Attention(H, H))]
    assert torch.equal(torch.cat(parts, dim=1), back)


def test_values_of_another_size_than_keys() -> None:
    attention = Attention(heads=4, groups=4, size=24, value_size=16)
    assert len(heads_of(info("q", 96, 64), attention)) == 4
    assert [head.columns.stop for head in heads_of(info("o", 64, 64), attention)] == [16, 32, 48, 64]


@pytest.mark.parametrize(
    ("weight", "attention"),
    [
        (info("q", 32, 64), None),
        (info("q", 32, 64), Attention(3, 3)),  # 32 rows are not three heads
        (info("q", 32, 64), Attention(4, 2, 16)),  # nor four of 16
        (info("q", 24, 64), Attention(4, 4, 24)),  # the first part of a latent attention's queries
        (info("qkv", 96, 64), Attention(4, 4)),
        (info("up", 32, 64), Attention(4, 4)),
        (info("q", 32, 64, slices=9), Attention(4, 4)),  # a convolution
    ],
)
def test_no_heads_where_shapes_or_roles_are_not_theirs(weight: WeightInfo, attention: Attention | None) -> None:
    assert heads_of(weight, attention) == ()


def test_the_rows_of_each_group() -> None:
    found = rows_by_group(16, queries=8, groups=2)  # two groups of two heads, two numbers each
    assert found["q"].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert found["k"].tolist() == [4, 5, 12, 13]
    assert found["v"].tolist() == [6, 7, 14, 15]


@pytest.mark.parametrize("groups", [H, 2, 1])
@pytest.mark.parametrize("turned", [False, True])
def test_a_fused_projection_of_groups(groups: int, turned: bool) -> None:
    """Each group's queries, its key and its value, put together as Falcon's and Megatron's code takes them apart."""
    q, k, v = numbers(H * D, N), numbers(groups * D, N), numbers(groups * D, N)
    apart = (q.view(groups, -1, N), k.view(groups, D, N), v.view(groups, D, N))
    fused = torch.cat(apart, dim=1).reshape(-1, N)
    facts: Facts = {"heads": H, "kv_heads": groups, "head_size": D, "qkv_order": "group after group"}
    found = cut("h.0.self_attention.query_key_value.weight", fused, facts)
    assert list(found) == ["q", "k", "v"]
    assert torch.equal(found["q"].matrix, q)
    assert torch.equal(found["k"].matrix, k)
    assert torch.equal(found["v"].matrix, v)
    attention = Attention(H, groups, D)
    for role, whole in (("q", q), ("k", k), ("v", v)):
        heads = heads_of(found[role].info, attention)
        assert torch.equal(torch.cat([found[role].matrix[head.rows] for head in heads]), whole)


def test_all_queries_first_where_the_configuration_says_so() -> None:
    q, k, v = numbers(H * D, N), numbers(2 * D, N), numbers(2 * D, N)
    facts: Facts = {"heads": H, "kv_heads": 2, "head_size": D, "qkv_order": "queries, keys, values"}
    found = cut("transformer.encoder.layers.0.self_attention.query_key_value.weight", torch.cat([q, k, v]), facts)
    assert [torch.equal(found[role].matrix, part) for role, part in (("q", q), ("k", k), ("v", v))] == [True] * 3


@pytest.mark.parametrize("facts", [{}, {"heads": H}, {"heads": 7, "qkv_order": "group after group"}])
def test_a_fused_projection_stays_whole_where_nothing_says_how_it_lies(facts: Facts) -> None:
    assert list(cut("h.0.self_attention.query_key_value.weight", numbers(3 * H * D, N), facts)) == ["qkv"]


def test_the_outputs_of_each_part_are_those_of_the_tensor() -> None:
    tensor = numbers(3 * H * D, N)
    facts: Facts = {"heads": H, "kv_heads": H, "qkv_order": "group after group"}
    (one,) = describe({"h.0.self_attention.query_key_value.weight": Header(tuple(tensor.shape), "float32", 0)}, facts)
    for weight, held in zip(weights(one, tensor), outputs(one), strict=True):
        assert isinstance(held, np.ndarray)
        assert torch.equal(tensor[torch.from_numpy(held)], weight.matrix)


SMALL = {"vocab_size": 50, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 1}
FALCON = {**SMALL, "alibi": False}
MODELS = {
    "gpt_neox": ("GPTNeoXConfig", {**SMALL, "intermediate_size": 64}),
    "bloom": ("BloomConfig", {"vocab_size": 50, "hidden_size": 32, "n_head": 4, "n_layer": 1}),
    "falcon of one group": ("FalconConfig", {**FALCON, "multi_query": True}),
    "falcon without groups": ("FalconConfig", {**FALCON, "multi_query": False}),
    "falcon of two groups": ("FalconConfig", {**FALCON, "num_kv_heads": 2, "new_decoder_architecture": True}),
    "gpt_bigcode of one group": ("GPTBigCodeConfig", {"vocab_size": 50, "n_embd": 32, "n_head": 4, "n_layer": 1}),
    "gpt_bigcode": (
        "GPTBigCodeConfig",
        {"vocab_size": 50, "n_embd": 32, "n_head": 4, "n_layer": 1, "multi_query": False},
    ),
    "gpt2": ("GPT2Config", {"vocab_size": 50, "n_embd": 32, "n_head": 4, "n_layer": 1}),
    "phi3": (
        "Phi3Config",
        {**SMALL, "intermediate_size": 64, "num_key_value_heads": 2, "pad_token_id": 0, "eos_token_id": 1},
    ),
    "mpt": ("MptConfig", {"vocab_size": 50, "d_model": 32, "n_heads": 4, "n_layers": 1}),
}


@pytest.mark.parametrize("model", MODELS)
def test_keys_and_values_as_the_models_of_transformers_compute_them(model: str) -> None:
    """What a model keeps of the first position, where rotary positions change nothing, is W x + b of each group."""
    kind, settings = MODELS[model]
    config = getattr(transformers, kind)(**settings)
    auto: Any = transformers.AutoModelForCausalLM
    built = auto.from_config(config, attn_implementation="eager").eval()
    state, facts, seen = built.state_dict(), attention_facts(config.to_dict()), dict[str, Tensor]()
    infos = describe({name: Header(tuple(t.shape), "float32", t.nbytes) for name, t in state.items()}, facts)
    fused = next(one for one in infos if one.layout in (Layout.QKV, Layout.QKV_GROUPS))
    projection = built.get_submodule(fused.name.removesuffix(".weight"))
    projection.register_forward_hook(lambda _module, given, _out: seen.update(x=given[0].flatten()))
    with torch.no_grad():
        kept = built(torch.tensor([[3]]), use_cache=True).past_key_values.layers[0]
    parts = {weight.info.role: weight for weight in weights(fused, state[fused.name])}
    attention = attention_of(facts)
    assert attention is not None
    for role, cached in (("k", kept.keys), ("v", kept.values)):
        heads = heads_of(parts[role].info, attention)
        computed = torch.stack([parts[role].matrix[head.rows] @ seen["x"] for head in heads])
        if (bias := state.get(fused.name.replace("weight", "bias"))) is not None:
            computed += bias[dict(zip("qkv", outputs(fused), strict=True))[role]].view(computed.shape)
        shared = cached[0, :, 0].unflatten(0, (len(heads), -1))  # Falcon keeps a copy for each head of a group
        assert torch.allclose(computed[:, None].expand_as(shared), shared, atol=1e-6)
