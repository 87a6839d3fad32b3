"""Kernels of convolutions: the order of their dimensions, and whether they are one kernel."""

import math
import re

from analysis import names
from analysis.layout import Layout
from analysis.tensors.header import Headers
from analysis.tensors.layouts.groups import DEPTHWISE_UNFIT, find_groups, is_depthwise
from analysis.tensors.layouts.lay import Lay, ends_in_kernel, is_relational, leaf_of

DEPTHWISE_LEAVES = ("depthwise_kernel", "depthwise_weights")  # of Keras and TF-Slim: (*positions, channels, multiplier)
GROUPABLE = (Layout.KERNEL, Layout.KERNEL_LAST, Layout.KERNEL_LAST_TRANSPOSED, Layout.KERNEL_MIDDLE)
SHORT = 32  # positions of a 1-D convolution whose name and neighbours do not say that it is one
TRANSPOSED = re.compile(r"convtr\d*|.*conv_?trans(?:pose)?\d*d?|.*deconv.*|.*transposed?_?conv.*|convt\d*")


def is_kernel(name: str, role: str, headers: Headers) -> bool:
    """Whether a tensor is a convolution's: its name, a bias as long as one of its sides, or its shape says so."""
    shape = headers.of[name].shape
    if len(shape) != 3:
        return len(shape) > 3
    if is_relational(name, headers) or names.holds_experts(names.parts(name)):
        return False
    if role == "conv" or "conv" in name[-names.CONSIDERED :].lower() or ends_in_kernel(name):
        return True
    if "bilinear" in name.lower() or shape[0] == 1:
        return False
    bias = headers.bias_shape(name)
    if name.endswith("weight") and bias in ((shape[0],), (shape[1],)):
        return True
    return shape[2] <= SHORT or (name.endswith("weight") and (shape[1] == 1 or shape[0] >= shape[2]))


def describe_kernel(name: str, headers: Headers) -> Lay:
    layout = _kernel_layout(name, headers)
    shape = headers.of[name].shape
    rows, columns, positions = kernel_extents(shape, layout)
    groups, unfit = 1, ""
    if layout == Layout.KERNEL_DEPTHWISE:
        groups, columns = shape[-2], 1
    elif layout in GROUPABLE and columns < rows and rows % columns == 0 and positions > 1:
        groups, unfit = find_groups(name, rows, columns, layout, headers)
    if groups > 1 and columns == 1:
        unfit = DEPTHWISE_UNFIT
    return Lay(layout, groups=groups, unfit=unfit)


def kernel_extents(shape: tuple[int, ...], layout: str) -> tuple[int, int, int]:
    """Outputs, inputs and positions of a kernel, before it is cut into groups."""
    match layout:
        case Layout.KERNEL_TRANSPOSED:
            return shape[1], shape[0], math.prod(shape[2:])
        case Layout.KERNEL_LAST | Layout.KERNEL_LAST_LSTM:
            return shape[-1], shape[-2], math.prod(shape[:-2])
        case Layout.KERNEL_LAST_TRANSPOSED:
            return shape[-2], shape[-1], math.prod(shape[:-2])
        case Layout.KERNEL_MIDDLE:
            return shape[0], shape[-1], math.prod(shape[1:-1])
        case Layout.KERNEL_DEPTHWISE:
            return shape[-2] * shape[-1], 1, math.prod(shape[:-2])
        case _:
            return shape[0], shape[1], math.prod(shape[2:])


def _kernel_layout(name: str, headers: Headers) -> Layout:
    """In which order a convolution's kernel has its outputs, inputs and positions."""
    layout, shape = _order_of(name, headers), headers.of[name].shape
    if leaf_of(name) in DEPTHWISE_LEAVES:
        return Layout.KERNEL_DEPTHWISE
    if is_depthwise(name) and layout == Layout.KERNEL_LAST and shape[-1] < shape[-2]:
        return Layout.KERNEL_DEPTHWISE
    if is_depthwise(name) and layout == Layout.KERNEL and len(shape) == 3 and shape[2] == 1 < shape[1] <= SHORT:
        return Layout.KERNEL_MIDDLE  # MLX: (channels, positions, 1)
    return layout


def _order_of(name: str, headers: Headers) -> Layout:
    shape, bias = headers.of[name].shape, headers.bias_shape(name)
    if ends_in_kernel(name) or (name.endswith((".w", "/w")) and bias == shape[-1:]):
        if len(bias) == 1 and bias[0] == shape[-2] != shape[-1]:
            return Layout.KERNEL_LAST_TRANSPOSED
        return Layout.KERNEL_LAST
    if len(shape) == 4 and (told := _order(headers)) != Layout.KERNEL and _square(shape, told):
        return told
    if _is_transposed(name, shape, bias):
        return Layout.KERNEL_TRANSPOSED
    return Layout.KERNEL


def _is_transposed(name: str, shape: tuple[int, ...], bias: tuple[int, ...]) -> bool:
    """Whether it is (in, out, *positions): its bias has the length of the second side, or its name says so."""
    if len(bias) == 1 and shape[0] != shape[1] and bias[0] in shape[:2]:
        return bias[0] == shape[1]
    return any(TRANSPOSED.fullmatch(word) for word in names.parts(name)[-2:] if not word.isdigit())


def _order(headers: Headers) -> Layout:
    """The order of dimensions that all square 2-D kernels of the file agree on: PyTorch's, MLX's or TensorFlow's."""
    votes = headers.votes
    if not votes[Layout.KERNEL]:
        for layout in (Layout.KERNEL_MIDDLE, Layout.KERNEL_LAST):
            if votes[layout] > max(1, sum(votes.values()) // 2):
                return layout
    return Layout.KERNEL


def _square(shape: tuple[int, ...], layout: Layout) -> bool:
    a, b, c, _ = shape
    return b == c if layout == Layout.KERNEL_MIDDLE else a == b
