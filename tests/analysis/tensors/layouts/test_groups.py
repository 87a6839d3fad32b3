"""Grouped and depthwise convolutions, against PyTorch's own and by the names of public models."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.layout import Layout
from analysis.tensors.layouts import Lay
from analysis.tensors.layouts.groups import DEPTHWISE_UNFIT, EITHER_UNFIT
from tests.analysis.tensors.layouts.examples import cut, described, laid


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


C = 12
BLOCK = {"block/expand/kernel": (1, 1, 6, C), "block/project/kernel": (1, 1, C, 6)}


@pytest.mark.parametrize(
    ("name", "shape", "around", "layout"),
    [
        ("block/Conv_0/kernel", (3, 3, 1, C), BLOCK, Layout.KERNEL_LAST),  # Flax: feature_group_count
        ("block/depthwise_conv/kernel", (3, 3, 1, C), {}, Layout.KERNEL_LAST),
        ("conformer/depthwise_conv/kernel", (31, 1, C), {}, Layout.KERNEL_LAST),
        ("MobilenetV1/Conv2d_1_depthwise/depthwise_weights", (3, 3, C, 1), {}, Layout.KERNEL_DEPTHWISE),  # TF-Slim
        ("block/dwconv/kernel", (3, 3, C, 1), {}, Layout.KERNEL_DEPTHWISE),
        ("block_1_depthwise/depthwise_kernel:0", (3, 3, C, 2), {}, Layout.KERNEL_DEPTHWISE),
        ("block.dwconv.weight", (C, 3, 3, 1), {"a.weight": (16, 3, 3, 8), "b.weight": (32, 3, 3, 16)},
         Layout.KERNEL_MIDDLE),  # MLX
        ("layers.0.mixer.conv1d.weight", (C, 4, 1), {}, Layout.KERNEL_MIDDLE),
        ("block.dwconv.weight", (C, 1, 3, 3), {}, Layout.KERNEL),
    ],
)  # fmt: skip
def test_depthwise_kernels_of_every_order(
    name: str, shape: tuple[int, ...], around: dict[str, tuple[int, ...]], layout: Layout
) -> None:
    assert laid(name, {name: shape, **around}, "conv") == Lay(layout, groups=C, unfit=DEPTHWISE_UNFIT)


@pytest.mark.parametrize(
    ("name", "flax"), [("block/depthwise_conv/kernel", (3, 3, 1, C)), ("block/dwconv/kernel", (3, 3, C, 1))]
)
def test_the_filters_of_a_depthwise_kernel(name: str, flax: tuple[int, ...]) -> None:
    """Of each channel the length of its filter, as PyTorch's own has it."""
    tensor = torch.randn(flax)
    (weight,) = cut({name: tensor}).values()
    lengths = tensor.double().reshape(9, C).norm(dim=0)
    assert np.allclose(weight.spectrum.values, np.sort(lengths.numpy()), rtol=1e-6)


def test_a_grouped_kernel_of_flax_is_cut_by_groups() -> None:
    """ResNeXt in Flax, (3, 3, inputs of a group, outputs), against PyTorch's of the same numbers."""
    layer = nn.Conv2d(64, 64, 3, groups=8, bias=False).weight.detach()
    state = {"block/conv1/kernel": torch.randn(1, 1, 16, 64), "block/conv2/kernel": layer.permute(2, 3, 1, 0),
             "block/conv3/kernel": torch.randn(1, 1, 64, 128)}  # fmt: skip
    weight = cut(state)["block/conv2/kernel"]
    assert (weight.info.rows, weight.info.columns, weight.info.slices) == (8, 8, 72)
    expected = layer.double().view(8, 8, 8, 9).permute(0, 3, 1, 2)  # (group, position, output, input)
    values = torch.linalg.svdvals(expected).flatten().sort().values
    assert np.allclose(weight.spectrum.values, values.numpy(), rtol=1e-5)


def test_many_channels_are_no_reason_to_leave_a_depthwise_convolution_out() -> None:
    name = "layers.0.mixer.conv1d.weight"  # Mamba 2.8B has 5120 channels
    assert described({name: (5120, 1, 4)})[name].skip is None
