"""Why two tensors of one name are not the same, by their headers."""

import math
from collections.abc import Mapping
from typing import TypeGuard

from analysis.adapters.names import update_sides
from analysis.layout import STACKS, Layout
from analysis.tensors.matching.partners import Source
from analysis.weight import TensorInfo

RESIZED = ("embedding", "position", "head")  # roles whose rows a fine-tune may add to
# what may be stored turned over
TURNABLE = (Layout.MATRIX, Layout.HALVES, Layout.HALVES_UP_FIRST, Layout.QKV, Layout.QKV_GROUPS, *STACKS)


def difference(source: Source, target: TensorInfo, same_shape: bool) -> str | None:
    """Why the two are not the same tensor, by their headers; None where they may be."""
    if not isinstance(source, TensorInfo):
        return None  # its factors are checked against the base when they are multiplied
    if source.skip is not None and target.skip is None:
        return f"left out: {source.skip}"
    if not same_shape or source.shape == target.shape or is_transposed(source, target) or _is_resized(source, target):
        return None
    return f"shape differs: {_extents(source)} against {_extents(target)} in the base"


def emptiness(source: Source, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    if isinstance(source, TensorInfo):
        return None  # its own reason says so
    empty_name = next((name for name in source.tensors if 0 in shapes[name]), None)
    return f"empty: its shape is {list(shapes[empty_name])}" if empty_name is not None else None


def may_change(source: Source, target: TensorInfo, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the factors of an adapter's module have the sides of the target; True where they do not tell."""
    if isinstance(source, TensorInfo) or len(target.shape) < 2:
        return True
    sides = update_sides(source, shapes)
    if sides is None or target.role in RESIZED:
        return True
    straight = (target.shape[0], math.prod(target.shape[1:]))
    return sides == straight or (len(target.shape) == 2 and sides == straight[::-1])


def _extents(info: TensorInfo) -> str:
    return " × ".join(map(str, info.shape)) or "a single number"


def is_transposed(source: Source, target: TensorInfo) -> bool:
    """Whether one is stored (in, out) and the other (out, in), as their shapes show."""
    if not differs_in_orientation(source, target):
        return False
    *stack, rows, columns = target.shape
    return source.shape == (*stack, columns, rows) and rows != columns


def differs_in_orientation(source: Source, target: TensorInfo) -> TypeGuard[TensorInfo]:
    return (
        isinstance(source, TensorInfo)
        and source.transposed != target.transposed
        and source.layout in TURNABLE
        and target.layout in TURNABLE
    )


def _is_resized(source: TensorInfo, target: TensorInfo) -> bool:
    """Whether an embedding has more or fewer rows. A head must be a vocabulary's, with more rows than columns."""
    if target.role not in RESIZED or len(source.shape) != 2 or len(target.shape) != 2:
        return False
    rows, columns = min(source.shape[0], target.shape[0]), target.shape[1]
    return source.shape[1] == columns and rows > 0 and (target.role != "head" or rows > columns)
