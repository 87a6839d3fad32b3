"""How matrices lie in tensors: every layout against a module of PyTorch or a formula, and every reason to skip."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.layout import Layout
from analysis.runtime.arrays import as_array
from analysis.tensors.matrices import Header, describe, matrices, weights
from analysis.weight import TensorInfo, Weight

Shape = tuple[int, ...]


def headers(state: Mapping[str, Tensor]) -> dict[str, Header]:
    return {name: Header(tuple(t.shape), str(t.dtype).removeprefix("torch."), t.nbytes) for name, t in state.items()}


def described(shapes: Mapping[str, Shape], dtype: str = "float32") -> dict[str, TensorInfo]:
    return {info.name: info for info in describe({name: Header(shape, dtype, 0) for name, shape in shapes.items()})}


def cut(state: Mapping[str, Tensor]) -> dict[str, Weight]:
    return {w.info.name: w for info in describe(headers(state)) for w in weights(info, state[info.name])}


def one(name: str, tensor: Tensor) -> Weight:
    (weight,) = cut({name: tensor}).values()
    return weight


def test_a_linear_layer_is_taken_as_it_is() -> None:
    tensor = torch.randn(5, 3)
    weight = one("model.layers.0.mlp.up_proj.weight", tensor)
    assert (weight.info.rows, weight.info.columns, weight.info.slices) == (5, 3, 1)
    assert torch.equal(weight.slices[0], tensor)


def test_an_embedding_of_any_height_is_analysed() -> None:
    (planned,) = matrices(described({"model.embed_tokens.weight": (128256, 4096)})["model.embed_tokens.weight"])
    assert (planned.rows, planned.columns) == (128256, 4096)


def test_the_conv1d_of_gpt2_is_turned_round() -> None:
    state = {"h.0.attn.c_attn.weight": torch.randn(4, 12), "h.0.attn.c_attn.bias": torch.zeros(12),
             "h.0.attn.c_proj.weight": torch.randn(4, 4)}  # fmt: skip
    found = cut(state)
    queries, keys, values = (found[f"h.0.attn.c_attn.weight.{role}"].slices[0] for role in "qkv")
    assert torch.equal(torch.cat([queries, keys, values]), state["h.0.attn.c_attn.weight"].T)
    assert torch.equal(found["h.0.attn.c_proj.weight"].slices[0], state["h.0.attn.c_proj.weight"].T)


@pytest.mark.parametrize(
    ("shapes", "transposed"),
    [
        ({"h.0.attn.c_attn.weight": (4, 12), "h.0.attn.c_proj.weight": (4, 4)}, True),  # GPT-2 without its biases
        ({"h.0.attn.c_attn.weight": (12, 4), "h.0.attn.c_proj.weight": (4, 4)}, False),  # nanoGPT
        ({"h.0.mlp.c_proj.weight": (16, 4), "h.0.mlp.c_proj.bias": (4,)}, True),
        ({"h.0.mlp.c_proj.weight": (4, 16), "h.0.mlp.c_proj.bias": (4,)}, False),
        ({"h.0.attn.c_attn.weight": (6, 4), "h.0.attn.c_attn.bias": (6,), "h.0.attn.c_proj.weight": (4, 4)}, False),
        ({"h.0.attn.c_proj.weight": (4, 4)}, True),  # nothing tells: Hugging Face's GPT-2 is the likelier file
    ],
)
def test_conv1d_or_linear_is_read_from_the_shapes(shapes: dict[str, Shape], transposed: bool) -> None:
    found = described(shapes)
    assert {found[name].transposed for name in shapes if name.endswith("weight")} == {transposed}


@pytest.mark.parametrize(
    ("layer", "positions"),
    [(nn.Conv1d(6, 5, 3), 3), (nn.Conv2d(6, 5, (2, 3)), 6), (nn.Conv3d(6, 5, 2), 8), (nn.Conv2d(6, 5, 1), 1)],
)
def test_a_convolution_is_cut_by_kernel_position(layer: nn.Module, positions: int) -> None:
    tensor = dict(layer.named_parameters())["weight"].detach()
    weight = one("features.0.conv.weight", tensor)
    assert (weight.info.rows, weight.info.columns, weight.info.slices) == (5, 6, positions)
    assert weight.info.role == "conv"
    assert torch.equal(weight.slices, torch.stack(tensor.flatten(2).unbind(2)))


def test_stacked_experts_of_gpt_oss() -> None:
    """(expert, in, out), gate and up in turn; modeling_gpt_oss.py: gate, up = gate_up[..., ::2], gate_up[..., 1::2]."""
    name = "model.layers.2.mlp.experts.gate_up_proj"
    state = {name: torch.randn(3, 4, 10), f"{name}_bias": torch.zeros(3, 10),
             "model.layers.2.mlp.experts.down_proj": torch.randn(3, 5, 4)}  # fmt: skip
    found = cut(state)
    assert len(found) == 9
    gate = found["model.layers.2.mlp.experts.1.gate_proj"]
    assert (gate.info.rows, gate.info.columns, gate.info.role, gate.info.depth) == (5, 4, "gate", 2)
    assert torch.equal(gate.slices[0], state[name][1, :, ::2].T)
    assert torch.equal(found["model.layers.2.mlp.experts.1.up_proj"].slices[0], state[name][1, :, 1::2].T)
    assert found["model.layers.2.mlp.experts.2.down_proj"].slices.shape == (1, 4, 5)


def test_stacked_experts_of_llama4() -> None:
    """(expert, in, out), gate before up; modeling_llama4.py: gate, up = gate_up.chunk(2, dim=-1)."""
    name = "layers.0.feed_forward.experts.gate_up_proj"
    state = {name: torch.randn(2, 4, 6), "layers.0.feed_forward.experts.down_proj": torch.randn(2, 3, 4)}
    found = cut(state)
    assert torch.equal(found["layers.0.feed_forward.experts.0.up_proj"].slices[0], state[name][0, :, 3:].T)


def test_stacked_experts_the_other_way_round() -> None:
    """(expert, out, in), as transformers 5 keeps Mixtral and Qwen3: the down projection beside tells."""
    name = "model.layers.0.mlp.experts.gate_up_proj"
    state = {name: torch.randn(2, 6, 4), "model.layers.0.mlp.experts.down_proj": torch.randn(2, 4, 3)}
    found = cut(state)
    assert torch.equal(found["model.layers.0.mlp.experts.1.gate_proj"].slices[0], state[name][1, :3])
    assert found["model.layers.0.mlp.experts.1.down_proj"].slices.shape == (1, 4, 3)


def test_experts_with_a_short_side_are_no_kernel() -> None:
    info = described({"model.layers.0.mlp.experts.down_proj": (8, 64, 16)})["model.layers.0.mlp.experts.down_proj"]
    assert info.layout == Layout.STACK
    assert len(matrices(info)) == 8


def test_fused_gate_and_up_are_halves_and_fused_qkv_thirds() -> None:
    """Phi-3: gate, up = gate_up.chunk(2, dim=-1), and all queries come before the keys."""
    state = {"model.layers.0.mlp.gate_up_proj.weight": torch.randn(8, 3),
             "model.layers.0.self_attn.qkv_proj.weight": torch.randn(9, 3)}  # fmt: skip
    found = cut(state)
    assert torch.equal(found["model.layers.0.mlp.up_proj.weight"].slices[0], state[next(iter(state))][4:])
    whole = state["model.layers.0.self_attn.qkv_proj.weight"]
    for at, role in enumerate("qkv"):
        weight = found[f"model.layers.0.self_attn.qkv_proj.weight.{role}"]
        assert torch.equal(weight.slices[0], whole[3 * at : 3 * at + 3])
        assert weight.info.role == role


@pytest.mark.parametrize(
    ("layer", "gates"),
    [
        (nn.LSTM(6, 5), ("input", "forget", "cell", "output")),
        (nn.GRU(6, 5, bidirectional=True), ("reset", "update", "new")),
        (nn.RNN(6, 5), ()),
    ],
)
def test_recurrent_layers_are_cut_by_gate(layer: nn.Module, gates: tuple[str, ...]) -> None:
    state = {f"rnn.{name}": tensor.detach() for name, tensor in layer.named_parameters()}
    found = cut(state)
    for name, tensor in state.items():
        if gates and "weight" in name:
            pieces = [found[f"{name}.{gate}_gate"].slices[0] for gate in gates]
            assert torch.equal(torch.cat(pieces), tensor)
            assert {found[f"{name}.{gate}_gate"].info.role for gate in gates} == {"recurrent"}
        elif "weight" in name:
            assert torch.equal(found[name].slices[0], tensor)


def test_an_lstm_with_a_projection() -> None:
    layer = nn.LSTM(6, 8, proj_size=2)
    found = cut({f"rnn.{name}": tensor.detach() for name, tensor in layer.named_parameters()})
    assert found["rnn.weight_hh_l0.output_gate"].slices.shape == (1, 8, 2)
    assert found["rnn.weight_hr_l0"].slices.shape == (1, 2, 8)


def test_the_gates_of_an_lstm_compute_what_pytorch_computes() -> None:
    """One step from zero state by our gates equals nn.LSTM's, so their order is right."""
    layer = nn.LSTM(6, 5, bias=False).double()
    state = {f"rnn.{name}": tensor.detach() for name, tensor in layer.named_parameters()}
    gate = {name.rpartition(".")[2]: weight.slices[0] for name, weight in cut(state).items() if "ih" in name}
    x = torch.randn(6, dtype=torch.float64)
    cell = torch.sigmoid(gate["input_gate"] @ x) * torch.tanh(gate["cell_gate"] @ x)
    expected = torch.sigmoid(gate["output_gate"] @ x) * torch.tanh(cell)
    assert torch.allclose(layer(x.view(1, 1, -1))[0].detach().flatten(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "reason"),
    [
        ("logit_scale", (), "float32", "single number"),
        ("model.norm.weight", (64,), "float32", "one-dimensional: a bias or a norm gain"),
        ("some.vector", (64,), "float32", "one-dimensional"),
        ("model.layers.0.mlp.experts.gate_up_proj_bias", (8, 64), "float32", "a bias"),
        ("h.0.attn.bias", (1, 1, 1024, 1024), "float32", "a mask"),
        ("h.0.attn.bias", (1, 1, 1024, 1024), "bool", "mask"),
        ("embeddings.position_ids", (1, 512), "int64", "whole numbers"),
        ("cls_token", (1, 1, 768), "float32", "a single vector"),
        ("net.weight", (0, 5), "float32", "empty"),
        ("net.weight", (2,) * 6, "float32", "6 dimensions"),
        ("net.weight", (5, 5), "complex64", "complex"),
        ("net.weight", (5, 5), "float8_e4m3fn", "float8_e4m3fn"),
        ("pos_embed", (4, 3, 8, 8), "float32", "a grid"),
        ("base_model.model.h.0.q.lora_A.weight", (8, 64), "float32", "a factor of an adapter: compare it"),
        ("base_model.model.h.0.q.hada_w1_a", (64, 8), "float32", "a factor of an adapter"),
        ("base_model.vera_A", (8, 64), "float32", "a factor of an adapter"),
        ("net.blob", (10**6, 4, 40), "float32", "1000000 stacked matrices"),
        ("net.conv.weight", (4, 4, 1000, 1000), "float32", "1000000 stacked matrices"),
        ("experts." + "a" * 65_536, (4096, 2, 40), "float32", "4096 matrices under a name of 65544 characters"),
    ],
)
def test_what_holds_no_matrix_says_why(name: str, shape: Shape, dtype: str, reason: str) -> None:
    info = described({name: shape}, dtype)[name]
    assert info.skip is not None
    assert reason in info.skip
    assert matrices(info) == ()
    assert list(weights(info, torch.zeros(1))) == []


def test_packed_quantised_tensors_are_listed_with_their_reason() -> None:
    stem = "model.layers.0.self_attn.q_proj"
    gptq = describe({
        f"{stem}.qweight": Header((512, 4096), "int32", 0),
        f"{stem}.qzeros": Header((32, 512), "int32", 0),
        f"{stem}.scales": Header((32, 4096), "float16", 0),
        f"{stem}.g_idx": Header((4096,), "int32", 0),
        f"{stem}.bias": Header((4096,), "float16", 0),
    })  # fmt: skip
    assert all(info.skip and "packed quantised" in info.skip for info in gptq[:4])
    assert "a bias" in str(gptq[4].skip)
    bitsandbytes = described({f"{stem}.weight": (512, 1), f"{stem}.weight.absmax": (64,)}, "uint8")
    assert "packed quantised" in str(bitsandbytes[f"{stem}.weight"].skip)
    fp8 = describe({f"{stem}.weight_scale_inv": Header((32, 32), "float32", 0)})
    assert "scales of a quantised weight" in str(fp8[0].skip)


def test_a_position_table_with_a_batch_of_one_is_a_matrix() -> None:
    assert one("pos_embed", torch.randn(1, 7, 5)).slices.shape == (1, 7, 5)


def test_unknown_tensors_are_analysed_all_the_same() -> None:
    found = cut({"blob": torch.randn(4, 3), "stack": torch.randn(2, 50, 40), "queries": torch.randn(1, 9, 40)})
    assert [weight.info.name for weight in found.values()] == ["blob", "stack.0", "stack.1", "queries"]


def test_roles_and_depths_are_filled_in_file_order() -> None:
    found = describe({
        "layer1.0.conv1.weight": Header((8, 4, 3, 3), "float32", 0),
        "layer2.0.downsample.1.weight": Header((8,), "float32", 0),
        "layer2.0.conv1.weight": Header((8, 4, 3, 3), "float32", 0),
    })  # fmt: skip
    assert [(info.role, info.depth) for info in found] == [("conv", 0), ("norm", 1), ("conv", 1)]


def test_plan_and_reading_agree() -> None:
    """`matrices` promises names, sides and order; `weights` keeps to it, in the stored dtype and without a copy."""
    state = {
        "rnn.weight_ih_l0": torch.randn(20, 6, dtype=torch.bfloat16),
        "rnn.weight_hh_l0": torch.randn(20, 5, dtype=torch.float16),
        "conv.weight": torch.randn(4, 3, 2, 2),
    }
    for info in describe(headers(state)):
        tensor = state[info.name]
        found = list(weights(info, tensor))
        assert tuple(weight.info for weight in found) == matrices(info)
        for weight in found:
            assert weight.slices.shape == (weight.info.slices, weight.info.rows, weight.info.columns)
            assert weight.slices.dtype == tensor.dtype
            assert np.may_share_memory(weight.array, as_array(tensor))


def test_the_experts_of_gguf_are_matrices_of_their_own() -> None:
    """GGUF lists its dimensions the other way round; as it is read, a stack is (expert, out, in)."""
    (info,) = describe({"blk.2.ffn_gate_exps.weight": Header((8, 96, 64), "float32", 0)})
    found = matrices(info)
    assert [(weight.rows, weight.columns, weight.role) for weight in found] == [(96, 64, "gate")] * 8
    assert [found[3].name, found[3].label] == ["blk.2.ffn_gate_exps.3.weight", "Block 2 · expert 3 gate"]
