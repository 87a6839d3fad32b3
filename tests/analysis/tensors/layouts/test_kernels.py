"""Kernels against what PyTorch's convolutions compute, and formulas out of Keras and MLX."""

import pytest
import torch
from torch import nn

from analysis.layout import Layout
from tests.analysis.tensors.layouts.examples import cut, laid


@pytest.mark.parametrize(("size", "name"), [(40, "frontend.0"), (5, "frontend.0"), (40, "conv")])
def test_a_1d_convolution_of_any_length(size: int, name: str) -> None:
    layer = nn.Conv1d(64, 128, size)
    weight = cut({f"{name}.{key}": t.detach() for key, t in layer.named_parameters()})[f"{name}.weight"]
    assert (weight.info.slices, weight.info.rows, weight.info.columns, weight.info.role) == (size, 128, 64, "conv")
    assert torch.equal(weight.slices[3], layer.weight.detach()[:, :, 3])


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


def test_one_output_is_one_row() -> None:
    (weight,) = cut({"conv_post.weight": torch.randn(1, 32, 7)}).values()
    assert (weight.info.rows, weight.info.columns, weight.info.slices) == (1, 224, 1)


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
