"""Tensors whose sides each count one thing: outputs, inputs, parts of a fused weight, or the layers of a stack.

A text says it, a letter for each side, as the equations of einsum do: "oio" is a projection of (heads, d, d_head) to
heads · d_head outputs, "piio" one matrix for each part. Outputs that lie on two sides are counted head after head, the
first side slowest, and so are inputs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from analysis.runtime.shapes import Shaped

OUTPUT, INPUT, PART, LAYER = "o", "i", "p", "l"
PARTS = {("qkv", 3): ("q", "k", "v"), ("qkv", 2): ("k", "v"), ("gate_up", 2): ("gate", "up")}


@dataclass(frozen=True, slots=True)
class Place:
    """One matrix of such a tensor: its layer and its part, None where it has none of them."""

    layer: int | None = None
    part: int | None = None


ALONE = Place()


def extents(shape: tuple[int, ...], axes: str) -> tuple[int, int]:
    """Outputs m and inputs n of each matrix."""
    return count(shape, axes, OUTPUT), count(shape, axes, INPUT)


def count(shape: tuple[int, ...], axes: str, kind: str) -> int:
    """How many of a kind there are: the product of its sides."""
    return math.prod(length for length, letter in zip(shape, axes, strict=True) if letter == kind)


def places(shape: tuple[int, ...], axes: str) -> Iterator[Place]:
    """Every matrix, layer after layer."""
    some = {kind: range(count(shape, axes, kind)) if kind in axes else (None,) for kind in (LAYER, PART)}
    for layer, part in product(some[LAYER], some[PART]):
        yield Place(layer, part)


def matrix_at(tensor: Shaped[np.ndarray, "..."], axes: str, place: Place) -> Shaped[np.ndarray, "m n"]:
    """One matrix, outputs × inputs: a view where its outputs, and its inputs, lie on sides next to each other."""
    for kind, at in ((LAYER, place.layer), (PART, place.part)):
        if at is not None:
            side = axes.index(kind)
            tensor, axes = np.moveaxis(tensor, side, 0)[at], axes[:side] + axes[side + 1 :]
    rows, columns = extents(tensor.shape, axes)
    sides = [side for kind in (OUTPUT, INPUT) for side, letter in enumerate(axes) if letter == kind]
    return tensor.transpose(sides).reshape(rows, columns)
