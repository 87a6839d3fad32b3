"""Grouped and depthwise convolutions, known by their names and by the channels around them."""

import re

from analysis import names
from analysis.layout import Layout
from analysis.tensors.header import Headers

GROUPED = re.compile(r"conv_?2(?:_\w+)?|conv_(?:kxk|3x3)|conv2\w*|convolution|b|group_?conv.*|gconv.*")
DEPTHWISE = re.compile(r"dw|dw_?conv|conv_?dw|.*depth_?wise.*|dconv|conv_kxk|.*_dw(?:_.*)?|dw_.*|lepe|short_conv.*|"
                       r".*_conv1d|positional_encoding|depth_wise_conv|lpu|convs_dilated|convs_sep")  # fmt: skip
STATE = re.compile(r"mixer|mamba\d?|.*mamba.*|ssm|linear_attn|temporal_block|.*lstm.*|conv")
FIRST = re.compile(r"conv_?1?|conv_?0|stem.*|conv_in|conv_pre|.*patch_embed.*|conv_first|.*extractor.*|first.*")
FEW_FIRST = 4  # convolutions of one input in a network that has them because its input has one channel
DEPTHWISE_UNFIT = "a depthwise convolution mixes no channels: its singular values are the lengths of its filters"
EITHER_UNFIT = "a depthwise convolution or one of a single input: the file does not say which, and no tail says either"


def find_groups(name: str, rows: int, columns: int, layout: Layout, headers: Headers) -> tuple[int, str]:
    """How many groups a convolution has, from its name and from the channels of the block that it lies in."""
    if columns == 1 and is_depthwise(name):
        return rows, ""
    if columns > 1 and any(word in ("pos_conv_embed", "pos_conv") for word in names.parts(name)):
        return rows // columns, ""  # wav2vec 2.0
    around = [other for other in headers.block(name) if other != name and len(headers.of[other].shape) > 1]
    sides = [channels(headers.of[other].shape, layout) for other in around]
    is_in_block = any(first == rows for first, _ in sides) and any(second == rows for _, second in sides)
    has_groups = any(GROUPED.fullmatch(word) for word in names.parts(name)[-3:])
    if is_in_block and (columns == 1 or (has_groups and not any(columns in side for side in sides))):
        return rows // columns, ""
    if columns > 1:
        return 1, ""
    return 1, "" if _is_first(name, layout, headers) else EITHER_UNFIT


def channels(shape: tuple[int, ...], layout: Layout) -> tuple[int, int]:
    """Outputs and inputs of a convolution or a matrix, in a file whose kernels lie so."""
    if layout in (Layout.KERNEL_LAST, Layout.KERNEL_LAST_TRANSPOSED):
        return shape[-1], shape[-2]
    return (shape[0], shape[-1]) if layout == Layout.KERNEL_MIDDLE else (shape[0], shape[1])


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
    kernels = [header.shape for header in headers.of.values() if len(header.shape) > 2]
    is_alone = sum(channels(shape, layout)[1] == 1 for shape in kernels) <= FEW_FIRST
    return not any(numbers) and is_alone and (bool(numbers) or any(FIRST.fullmatch(word) for word in words[-2:]))
