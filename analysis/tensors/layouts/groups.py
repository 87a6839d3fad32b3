"""Grouped and depthwise convolutions, known by their names and by the channels around them."""

import re
from collections import Counter
from collections.abc import Iterable

from analysis import names
from analysis.layout import Layout
from analysis.tensors.header import Headers

GROUPED = re.compile(r"conv_?2(?:_\w+)?|conv_(?:kxk|3x3)|conv2\w*|convolution|b|group_?conv.*|gconv.*")
DEPTHWISE = re.compile(r"dw|dw_?conv|conv_?dw|.*depth_?wise.*|dconv|conv_kxk|.*_dw(?:_.*)?|dw_.*|lepe|short_conv.*|"
                       r".*_conv1d|positional_encoding|depth_wise_conv|lpu|convs_dilated|convs_sep")  # fmt: skip
STATE = re.compile(r"mixer|mamba\d?|.*mamba.*|ssm|linear_attn|temporal_block|.*lstm.*|conv")
FIRST = re.compile(r"conv_?1?|conv_?0|stem.*|conv_in|conv_pre|.*patch_embed.*|conv_first|.*extractor.*|first.*")
ORDERS = (Layout.KERNEL, Layout.KERNEL_LAST, Layout.KERNEL_LAST_TRANSPOSED, Layout.KERNEL_MIDDLE)
FEW_FIRST = 4  # convolutions of one input in a network that has them because its input has one channel
DEPTHWISE_UNFIT = "a depthwise convolution mixes no channels: its singular values are the lengths of its filters"
EITHER_UNFIT = "a depthwise convolution or one of a single input: the file does not say which, and no tail says either"


def find_groups(name: str, rows: int, columns: int, layout: Layout, headers: Headers) -> tuple[int, str]:
    """How many groups a convolution has, from its name and from the channels of the block that it lies in."""
    if columns == 1 and is_depthwise(name):
        return rows, ""
    if columns > 1 and any(word in ("pos_conv_embed", "pos_conv") for word in names.parts(name)):
        return rows // columns, ""  # wav2vec 2.0
    own, around = channels(headers.of[name].shape, layout), headers.of_block(name, _count_channels)

    def is_beside(side: int, count: int) -> bool:
        """Whether another one of the block has so many channels on a side: 0 for outputs, 1 for inputs."""
        return around[layout, side, count] > (own[side] == count)

    is_in_block = is_beside(0, rows) and is_beside(1, rows)
    has_groups = any(GROUPED.fullmatch(word) for word in names.parts(name)[-3:])
    if is_in_block and (columns == 1 or (has_groups and not is_beside(0, columns) and not is_beside(1, columns))):
        return rows // columns, ""
    if columns > 1:
        return 1, ""
    return 1, "" if _is_first(name, layout, headers) else EITHER_UNFIT


def channels(shape: tuple[int, ...], layout: Layout) -> tuple[int, int]:
    """Outputs and inputs of a convolution or a matrix, in a file whose kernels lie so."""
    if layout in (Layout.KERNEL_LAST, Layout.KERNEL_LAST_TRANSPOSED):
        return shape[-1], shape[-2]
    return (shape[0], shape[-1]) if layout == Layout.KERNEL_MIDDLE else (shape[0], shape[1])


def _count_channels(headers: Headers, block: Iterable[str]) -> "Counter[tuple[Layout, int, int]]":
    """How many layers have so many channels on a side, in files whose kernels lie in each order."""
    shapes = [headers.of[name].shape for name in block if len(headers.of[name].shape) > 1]
    return Counter(
        (layout, side, count)
        for layout in ORDERS
        for shape in shapes
        for side, count in enumerate(channels(shape, layout))
    )


def _count_single_inputs(headers: Headers, all_names: Iterable[str]) -> "Counter[Layout]":
    """How many convolutions have one input, in files whose kernels lie in each order."""
    shapes = [headers.of[name].shape for name in all_names if len(headers.of[name].shape) > 2]
    return Counter(layout for layout in ORDERS for shape in shapes if channels(shape, layout)[1] == 1)


def is_depthwise(name: str) -> bool:
    """Whether a name means a depthwise convolution."""
    found = [word for word in names.parts(name) if not word.isdigit()]
    if any(DEPTHWISE.fullmatch(word) for word in found[-2:]):
        return True
    return len(found) > 1 and found[-1] in ("conv1d", "conv") and STATE.fullmatch(found[-2]) is not None


def _is_first(name: str, layout: Layout, headers: Headers) -> bool:
    """Whether a convolution of one input can be a network's first: nothing is numbered before it."""
    words = names.parts(name)
    numbers = [int(word) for word in words if word.isdigit() and len(word) < 9]
    is_alone = headers.of_all(_count_single_inputs)[layout] <= FEW_FIRST
    return not any(numbers) and is_alone and (bool(numbers) or any(FIRST.fullmatch(word) for word in words[-2:]))
