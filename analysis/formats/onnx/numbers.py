"""Codes of an ONNX model with their scales, as the weight that DequantizeLinear makes of them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.formats.stored import Array, Words, pieces

CODES = ("int8", "uint8", "int16", "uint16", "int32")


@dataclass(frozen=True, slots=True)
class Dequantised:
    """(codes − zero) · scale in float32, with one scale or one along `axis`; its first two sides change places last."""

    codes: Array
    scale: Array
    zero: Array | None
    axis: int
    flips: bool

    @property
    def path(self) -> Path:
        return self.codes.path

    @property
    def dtype(self) -> str:
        return "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        shape = self.codes.shape
        return (shape[1], shape[0], *shape[2:]) if self.flips else shape

    @property
    def size(self) -> int:
        return math.prod(self.codes.shape)

    @property
    def nbytes(self) -> int:
        return 4 * self.size

    def load(self) -> Words:
        codes = self.codes.load().view(self.codes.dtype).astype(np.float32)
        with np.errstate(all="ignore"):  # scales may be infinite: that is the tensor's own fault, and found later
            if self.zero is not None:
                codes -= self._along(self.zero).astype(np.float32)
            codes *= self._along(self.scale).astype(np.float32)
        values = np.ascontiguousarray(codes.swapaxes(0, 1)) if self.flips else codes
        return values.view("<i4")

    def _along(self, array: Array) -> Words:
        values = array.load().reshape(-1).view(array.dtype)
        if values.size == 1:
            return values
        return values.reshape([-1 if place == self.axis else 1 for place in range(len(self.codes.shape))])

    def chunks(self) -> Iterator[Words]:
        yield from pieces(self.load())


def dequantise(codes: Array, scale: Array, zero: Array | None, axis: int, flips: bool) -> Dequantised | None:
    """The weight; None where the scales are not one number or one along the axis, or are no plain floats."""
    rank = len(codes.shape)
    axis += rank if axis < 0 else 0
    if codes.dtype not in CODES or scale.dtype not in ("float32", "float16") or not 0 <= axis < max(rank, 1):
        return None
    length = codes.shape[axis] if rank else 1
    counts = {1, length}
    if scale.size not in counts or (zero is not None and (zero.size not in counts or zero.dtype not in CODES)):
        return None
    return Dequantised(codes, scale, zero, axis, flips and rank > 1)
