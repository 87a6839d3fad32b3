"""Projections whose heads or parts have a side of their own, against the products of their models' code."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.analysis.tensors.layouts.examples import cut, described

D, N, H, F = 12, 4, 6, 20  # d, heads, d_head, the width of the MLP
ATTENTION = "decoder_block_0/attention"


@pytest.mark.parametrize(
    ("name", "flat"),
    [
        ("transformer.layer.0.rel_attn.q", lambda w: w.flatten(1).T),  # XLNet: einsum("ibh,hnd->ibnd")
        ("transformer.layer.0.rel_attn.o", lambda w: w.flatten(1)),  # einsum("ibnd,hnd->ibh")
        ("params/encoder/attention/query/kernel", lambda w: w.flatten(1).T),  # Flax's DenseGeneral
        ("params/encoder/attention/out/kernel", lambda w: w.flatten(0, 1).T),
    ],
)
def test_heads_apart_are_one_matrix(name: str, flat: object) -> None:
    tensor = torch.randn(D, N, H)
    (weight,) = cut({name: tensor}).values()
    assert callable(flat)
    assert torch.equal(weight.slices[0], flat(tensor))


def check(state: Mapping[str, Tensor], name: str, equation: str) -> None:
    """That the one matrix of a tensor computes what the equation does."""
    weight, tensor = cut(state)[name], state[name].double()
    letters, kernel = equation.split("->")[0].split(",")
    lengths = dict(zip(kernel, tensor.shape, strict=True))
    x = torch.randn([lengths[letter] for letter in letters], dtype=torch.float64)
    wanted = torch.einsum(equation, x, tensor).flatten()
    assert torch.allclose(weight.slices[0].double() @ x.flatten(), wanted)


def keras(query: tuple[int, ...], key: tuple[int, ...], **others: tuple[int, ...]) -> dict[str, Tensor]:
    shapes = {f"{ATTENTION}/query/kernel": query, f"{ATTENTION}/key/kernel": key, f"{ATTENTION}/value/kernel": key}
    shapes |= {f"{ATTENTION}/{name.replace('_bias', '/bias')}": shape for name, shape in others.items()}
    return {name: torch.randn(shape) for name, shape in shapes.items()}


GEMMA = keras((N, D, H), (1, D, H))
LLAMA = keras((D, N, H), (D, 2, H))


@pytest.mark.parametrize(
    ("state", "query", "key"),
    [
        (GEMMA, "d,ndh->nh", "d,kdh->kh"),  # KerasHub: keys have fewer heads
        (LLAMA, "d,dnh->nh", "d,dkh->kh"),
        (keras((N, D, H), (N, D, H), query_bias=(N, H), key_bias=(N, H)), "d,ndh->nh", "d,kdh->kh"),
        (keras((D, N, H), (D, N, H), query_bias=(N, H), key_bias=(N, H)), "d,dnh->nh", "d,dkh->kh"),
    ],
)
def test_the_shapes_around_tell_where_the_heads_are(state: dict[str, Tensor], query: str, key: str) -> None:
    check(state, f"{ATTENTION}/query/kernel", query)
    check(state, f"{ATTENTION}/key/kernel", key)


def test_the_output_projection_tells_where_the_heads_are() -> None:
    output = {f"{ATTENTION}/attention_output/kernel": torch.randn(N, H, D)}
    heads_first = {**keras((N, D, H), (N, D, H)), **output}
    check(heads_first, f"{ATTENTION}/query/kernel", "d,ndh->nh")
    check(heads_first, f"{ATTENTION}/attention_output/kernel", "nh,nhd->d")
    check({**keras((D, N, H), (D, N, H)), **output}, f"{ATTENTION}/query/kernel", "d,dnh->nh")


def test_the_norms_of_the_block_tell_where_the_heads_are() -> None:
    norm = {"decoder_block_0/pre_attention_norm/scale": torch.randn(D)}
    check({**keras((N, D, H), (N, D, H)), **norm}, f"{ATTENTION}/query/kernel", "d,ndh->nh")


def test_what_nothing_tells_is_left_out_with_the_reason() -> None:
    name = f"{ATTENTION}/query/kernel"
    reason = described({name: (N, D, H)})[name].skip
    assert reason is not None
    assert "(heads, d, d_head)" in reason


GEMMA_FLAX = {  # gemma of Google DeepMind; its second version has (2, f, d) in gating_einsum
    "transformer/layer_0/attn/q_einsum/w": (N, D, H),
    "transformer/layer_0/attn/kv_einsum/w": (2, 1, D, H),
    "transformer/layer_0/attn/attn_vec_einsum/w": (N, H, D),
    "transformer/layer_0/mlp/gating_einsum/w": (2, D, F),
    "transformer/layer_0/mlp/linear/w": (F, D),
    "transformer/layer_0/pre_attention_norm/scale": (D,),
}


@pytest.mark.parametrize("slash", ["/", "."])
def test_einsums_of_gemma(slash: str) -> None:
    state = {name.replace("/", slash): torch.randn(shape) for name, shape in GEMMA_FLAX.items()}
    block = f"transformer{slash}layer_0{slash}"
    found = cut(state)
    roles = {name.removeprefix(block).replace("/", "."): weight.info.role for name, weight in found.items()}
    assert roles == {
        "attn.q_einsum.w": "q", "attn.kv_einsum.w.k": "k", "attn.kv_einsum.w.v": "v", "attn.attn_vec_einsum.w": "o",
        "mlp.gating_einsum.w.gate": "gate", "mlp.gating_einsum.w.up": "up", "mlp.linear.w": "down",
    }  # fmt: skip
    attention, mlp = f"{block}attn{slash}", f"{block}mlp{slash}"
    check(state, f"{attention}q_einsum{slash}w", "d,ndh->nh")
    check(state, f"{attention}attn_vec_einsum{slash}w", "nh,nhd->d")
    check(state, f"{mlp}linear{slash}w", "f,fd->d")
    x = torch.randn(D)
    keys, values = torch.einsum("d,pkdh->pkh", x, state[f"{attention}kv_einsum{slash}w"]).flatten(1)
    gate, up = torch.einsum("d,pdf->pf", x, state[f"{mlp}gating_einsum{slash}w"])
    fused = {f"{attention}kv_einsum{slash}w.k": keys, f"{attention}kv_einsum{slash}w.v": values,
             f"{mlp}gating_einsum{slash}w.gate": gate, f"{mlp}gating_einsum{slash}w.up": up}  # fmt: skip
    for name, wanted in fused.items():
        assert np.allclose(found[name].slices[0] @ x, wanted, rtol=1e-4, atol=1e-5)


def test_gating_lies_as_the_matrix_after_it_says() -> None:
    shapes = {**GEMMA_FLAX, "transformer/layer_0/mlp/gating_einsum/w": (2, F, D)}
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    found = cut(state)["transformer/layer_0/mlp/gating_einsum/w.up"]
    assert torch.equal(found.slices[0], state["transformer/layer_0/mlp/gating_einsum/w"][1])
    alone = described({"mlp/gating_einsum": (2, D, F)})["mlp/gating_einsum"]
    assert alone.skip is not None


def test_experts_of_several_models_in_one_layer() -> None:
    """openpi: the second model's einsums have a number behind their names."""
    (weight,) = cut({"llm/attn/q_einsum_1/w": torch.randn(N, D, H)}).values()
    assert (weight.info.role, weight.info.rows, weight.info.columns) == ("q", N * H, D)
