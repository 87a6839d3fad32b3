"""Layouts against what the layers compute: PyTorch's own, and formulas out of Keras, Flax and the models' code."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.layout import Layout
from analysis.tensors.header import Header, Headers
from analysis.tensors.layouts import DEPTHWISE_UNFIT, EITHER_UNFIT, Lay, counted_matrices, lay_of
from analysis.tensors.matrices import describe, matrices, weights
from analysis.weight import TensorInfo, Weight

Shape = tuple[int, ...]


def described(shapes: Mapping[str, Shape]) -> dict[str, TensorInfo]:
    return {info.name: info for info in describe({name: Header(shape, "float32", 0) for name, shape in shapes.items()})}


def cut(state: Mapping[str, Tensor]) -> dict[str, Weight]:
    infos = describe({name: Header(tuple(t.shape), "float32", t.nbytes) for name, t in state.items()})
    return {w.info.name: w for info in infos for w in weights(info, state[info.name])}


def laid(name: str, shapes: Mapping[str, Shape], role: str = "other") -> Lay:
    found = Headers({key: Header(shape, "float32", 0) for key, shape in shapes.items()})
    return lay_of(name, role, found, conv1d=False)


# Convolutions


@pytest.mark.parametrize(("size", "name"), [(40, "frontend.0"), (5, "frontend.0"), (40, "conv")])
def test_a_1d_convolution_of_any_length(size: int, name: str) -> None:
    layer = nn.Conv1d(64, 128, size)
    weight = cut({f"{name}.{key}": t.detach() for key, t in layer.named_parameters()})[f"{name}.weight"]
    assert (weight.info.slices, weight.info.rows, weight.info.columns, weight.info.role) == (size, 128, 64, "conv")
    assert torch.equal(weight.slices[3], layer.weight.detach()[:, :, 3])


def test_a_stack_of_experts_with_a_bias_each_is_no_convolution() -> None:
    assert laid("layer.input_linear.weight", {"layer.input_linear.weight": (8, 256, 64)}).layout == Layout.STACK
    assert laid("bilinear.weight", {"bilinear.weight": (128, 64, 40), "bilinear.bias": (128,)}).layout == Layout.STACK


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_transposed_convolutions_store_their_inputs_first(dimensions: int) -> None:
    """At each position the output is the input times W[:, :, position], so that its matrix is the transpose."""
    layer = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[dimensions - 1](6, 4, 2).double()
    weight = cut({f"ups.{key}": t.detach() for key, t in layer.named_parameters()})["ups.weight"]
    assert layer.bias is not None
    x = torch.randn(1, 6, *[1] * dimensions, dtype=torch.float64)
    computed = (layer(x).detach() - layer.bias.detach().view(1, 4, *[1] * dimensions)).flatten(2)[0]  # (m, positions)
    assert torch.allclose(torch.stack([one @ x.flatten() for one in weight.slices], dim=1), computed)
    assert weight.info.role == "conv"


def test_a_name_tells_a_square_transposed_convolution() -> None:
    assert laid("decoder.convtr.weight", {"decoder.convtr.weight": (8, 8, 4)}).layout == Layout.KERNEL_TRANSPOSED
    assert laid("upsample.conv.weight", {"upsample.conv.weight": (8, 8, 3, 3)}).layout == Layout.KERNEL


def test_a_depthwise_convolution_has_no_tail() -> None:
    layer = nn.Conv2d(12, 12, 3, groups=12)
    (weight,) = cut({"blocks.0.conv_dw.weight": layer.weight.detach()}).values()
    assert weight.info.unfit == DEPTHWISE_UNFIT
    lengths = layer.weight.detach().double().flatten(1).norm(dim=1)
    assert np.allclose(weight.spectrum.values, np.sort(lengths.numpy()), rtol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["layers.0.mixer.conv1d.weight", "stages.1.blocks.2.dwconv.weight", "encoder.layers.0.conv.depthwise_conv.weight"],
)
def test_names_of_depthwise_convolutions(name: str) -> None:
    assert laid(name, {name: (96, 1, 31)}, "conv") == Lay(Layout.KERNEL, groups=96, unfit=DEPTHWISE_UNFIT)


def test_the_channels_around_tell_a_depthwise_convolution() -> None:
    """MobileNet: expand to 96, convolve each channel, project."""
    shapes = {"features.3.conv.0.0.weight": (96, 24, 1, 1), "features.3.conv.1.0.weight": (96, 1, 3, 3),
              "features.3.conv.2.weight": (24, 96, 1, 1)}  # fmt: skip
    assert laid("features.3.conv.1.0.weight", shapes, "conv").groups == 96


def test_where_nothing_tells_no_tail_is_fitted() -> None:
    assert laid("net.4.conv.weight", {"net.4.conv.weight": (512, 1, 31)}, "conv").unfit == EITHER_UNFIT


def test_a_first_convolution_of_one_input_is_filters_by_taps() -> None:
    tensor = torch.randn(128, 1, 64, 1)
    (weight,) = cut({"conv1.weight": tensor}).values()
    assert (weight.info.rows, weight.info.columns, weight.info.slices, weight.info.unfit) == (128, 64, 1, "")
    assert torch.equal(weight.slices[0], tensor.flatten(1))


def test_a_first_convolution_of_one_input_whose_name_is_a_number() -> None:
    """nn.Sequential names its layers by numbers alone."""
    model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3))
    found = cut({name: tensor.detach() for name, tensor in model.state_dict().items()})["0.weight"]
    assert (found.info.rows, found.info.columns, found.info.slices, found.info.unfit) == (32, 9, 1, "")
    assert torch.equal(found.slices[0], model.state_dict()["0.weight"].flatten(1))


def test_one_output_is_one_row() -> None:
    (weight,) = cut({"conv_post.weight": torch.randn(1, 32, 7)}).values()
    assert (weight.info.rows, weight.info.columns, weight.info.slices) == (1, 224, 1)


def test_a_grouped_convolution_is_cut_by_groups() -> None:
    """ResNeXt: each group of outputs sees its own group of inputs, at every position."""
    layer = nn.Conv2d(64, 64, 3, groups=8, bias=False)
    state = {"layer1.0.conv1.weight": torch.randn(64, 16, 1, 1), "layer1.0.conv2.weight": layer.weight.detach(),
             "layer1.0.conv3.weight": torch.randn(128, 64, 1, 1)}  # fmt: skip
    weight = cut(state)["layer1.0.conv2.weight"]
    assert (weight.info.rows, weight.info.columns, weight.info.slices) == (8, 8, 72)
    expected = layer.weight.detach().double().view(8, 8, 8, 9)  # (group, output, input, position)
    squares = torch.linalg.svdvals(expected.permute(0, 3, 1, 2)).flatten().sort().values
    assert np.allclose(weight.spectrum.values, squares.numpy(), rtol=1e-5)


def test_a_wider_bottleneck_is_not_grouped() -> None:
    shapes = {"layer1.0.conv1.weight": (64, 256, 1, 1), "layer1.0.conv2.weight": (64, 64, 3, 3),
              "layer1.0.conv3.weight": (256, 64, 1, 1)}  # fmt: skip
    assert laid("layer1.0.conv2.weight", shapes, "conv").groups == 1


def test_keras_and_flax_kernels() -> None:
    """Keras's Conv2D: (height, width, in, out); Dense: (in, out); DepthwiseConv2D: (height, width, channels, times)."""
    state = {"conv2d/kernel": torch.randn(3, 3, 16, 32), "conv2d/bias": torch.zeros(32),
             "dense/kernel": torch.randn(100, 20), "dense/bias": torch.zeros(20),
             "conv2d_transpose/kernel": torch.randn(2, 2, 8, 5), "conv2d_transpose/bias": torch.zeros(8),
             "depthwise_conv2d/depthwise_kernel": torch.randn(3, 3, 12, 2)}  # fmt: skip
    found = cut(state)
    assert torch.equal(found["conv2d/kernel"].slices[4], state["conv2d/kernel"][1, 1].T)
    assert torch.equal(found["dense/kernel"].slices[0], state["dense/kernel"].T)
    assert torch.equal(found["conv2d_transpose/kernel"].slices[3], state["conv2d_transpose/kernel"][1, 1])
    depthwise = found["depthwise_conv2d/depthwise_kernel"]
    assert (depthwise.info.slices, depthwise.info.rows, depthwise.info.columns) == (12, 2, 9)
    assert torch.equal(depthwise.slices[5], state["depthwise_conv2d/depthwise_kernel"][:, :, 5].flatten(0, 1).T)


def test_mlx_kernels_are_known_by_their_square_sides() -> None:
    """MLX: (out, height, width, in)."""
    state = {"a.weight": torch.randn(16, 3, 3, 8), "b.weight": torch.randn(32, 3, 3, 16)}
    found = cut(state)
    assert torch.equal(found["a.weight"].slices[5], state["a.weight"][:, 1, 2])


def test_keras_gates_lie_on_the_columns() -> None:
    """One step of a Keras LSTM from zero state: i, f, c, o (keras/src/layers/rnn/lstm.py)."""
    kernel = torch.randn(6, 20)
    found = cut({"lstm/lstm_cell/recurrent_kernel": kernel[:5]})
    assert list(found) == [
        f"lstm/lstm_cell/recurrent_kernel.{gate}_gate" for gate in ("input", "forget", "cell", "output")
    ]
    assert torch.equal(found["lstm/lstm_cell/recurrent_kernel.cell_gate"].slices[0], kernel[:5, 10:15].T)


# Heads apart and fused


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
    tensor = torch.randn(12, 4, 6)
    (weight,) = cut({name: tensor}).values()
    assert callable(flat)
    assert torch.equal(weight.slices[0], flat(tensor))


def test_gate_and_up_are_told_by_the_matrix_that_follows() -> None:
    """ModernBERT: Wo reads half of what Wi gives, input before gate: act(input) * gate."""
    state = {"layers.0.mlp.Wi.weight": torch.randn(96, 16), "layers.0.mlp.Wo.weight": torch.randn(16, 48)}
    found = cut(state)
    assert torch.equal(found["layers.0.mlp.Wi.weight.gate"].slices[0], state["layers.0.mlp.Wi.weight"][:48])
    assert found["layers.0.mlp.Wo.weight"].info.role == "down"


def test_a_plain_mlp_is_no_gate() -> None:
    """LightGlue: fc2 halves the width, though it reads all that fc1 gives."""
    shapes = {"layers.0.mlp.fc1.weight": (64, 64), "layers.0.mlp.fc2.weight": (32, 64)}
    assert laid("layers.0.mlp.fc1.weight", shapes, "up").layout == Layout.MATRIX


def test_gated_layers_of_unknown_order_stay_whole_and_say_so() -> None:
    found = described({"blocks.0.mlp.fc1.weight": (96, 16), "blocks.0.mlp.fc2.weight": (16, 48)})
    info = found["blocks.0.mlp.fc1.weight"]
    assert (info.layout, info.role, info.label) == (Layout.MATRIX, "gate_up", "Block 0 · MLP gate and up")


def test_geglu_of_diffusers_has_its_gate_last() -> None:
    state = {"blocks.0.ff.net.0.proj.weight": torch.randn(64, 8), "blocks.0.ff.net.2.weight": torch.randn(8, 32)}
    found = cut(state)
    assert torch.equal(
        found["blocks.0.ff.net.0.proj.weight.gate"].slices[0], state["blocks.0.ff.net.0.proj.weight"][32:]
    )


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


def test_a_bias_as_long_as_the_columns_says_that_inputs_come_first() -> None:
    """DGL's GraphConv and TensorFlow's dense layers under other names."""
    found = described(
        {"layers.0.weight": (5, 9), "layers.0.bias": (9,), "layers.1.weight": (9, 4), "layers.1.bias": (9,)}
    )
    assert [found[name].transposed for name in ("layers.0.weight", "layers.1.weight")] == [True, False]


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


def test_matrices_are_counted_before_they_are_cut() -> None:
    headers = Headers({name: Header(shape, "float32", 0) for name, shape in
                       {"conv.weight": (4, 3, 5, 5), "experts.w": (7, 4, 3), "a.weight": (4, 3)}.items()})  # fmt: skip
    assert [counted_matrices(name, "other", headers) for name in headers.of] == [25, 7, 1]
