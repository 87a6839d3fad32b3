"""Stored words as numbers, in NumPy: small floats, packed codes, scales of groups and blocks."""

import numpy as np
from numpy.typing import NDArray

from analysis.formats.effective.records import Array
from analysis.formats.stored import Array as Stored

Floats = NDArray[np.float32]
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)  # OCP MX 1.0, E2M1
# exponent bits, mantissa bits, bias, and whether the highest exponent holds infinities, of the 8-bit floats
SMALL = {
    "float8_e4m3fn": (4, 3, 7, False),
    "float8_e5m2": (5, 2, 15, True),
    "float8_e4m3fnuz": (4, 3, 8, False),
    "float8_e5m2fnuz": (5, 2, 16, False),
}
INTEGERS = {
    "int8": np.int8, "uint8": np.uint8, "int16": np.int16, "uint16": np.uint16, "int32": np.int32,
    "uint32": np.uint32, "int64": np.int64, "uint64": np.uint64, "bool": np.bool_,
}  # fmt: skip


def numbers(stored: Stored) -> Array:
    """The tensor's values: whole numbers as such, floats in float32, float64 as it is."""
    words = stored.load()
    if stored.dtype in INTEGERS:
        return words.view(INTEGERS[stored.dtype])
    if stored.dtype in SMALL:
        return np.asarray(_table(stored.dtype)[words])
    if stored.dtype == "float8_e8m0fnu":
        exponents = np.where(words == 255, np.nan, words.astype(np.float64) - 127)
        return np.exp2(exponents).astype(np.float32)
    if stored.dtype == "bfloat16":
        return np.left_shift(words.view(np.uint16), 16, dtype=np.uint32).view(np.float32)
    width = {"float64": np.float64, "float32": np.float32, "float16": np.float16}[stored.dtype]
    floats = words.view(width)
    return floats if stored.dtype == "float64" else floats.astype(np.float32)


def _table(dtype: str) -> Floats:
    """The value of each of the 256 codes (OCP 8-bit floating point, 2023; the fnuz variants as in ONNX)."""
    exponent_bits, mantissa_bits, bias, infinities = SMALL[dtype]
    codes = np.arange(256)
    sign = np.where(codes >> 7, -1.0, 1.0)
    exponent = (codes >> mantissa_bits) & (2**exponent_bits - 1)
    mantissa = (codes & (2**mantissa_bits - 1)) / 2**mantissa_bits
    table = np.where(exponent == 0, np.exp2(1.0 - bias) * mantissa, np.exp2(exponent - float(bias)) * (1 + mantissa))
    table = sign * table
    if dtype.endswith("fnuz"):
        table[128] = np.nan
    elif infinities:
        table = np.where(exponent == 31, np.where(mantissa == 0, sign * np.inf, np.nan), table)
    else:
        table[[127, 255]] = np.nan
    return np.asarray(table, np.float32)


def decode_e4m3(octets: Array) -> Floats:
    """Bytes as 8-bit floats of 4 exponent bits (OCP E4M3)."""
    return np.asarray(_table("float8_e4m3fn")[octets])


def codes(packed: Array, bits: int, count: int) -> NDArray[np.uint8]:
    """The first `count` codes of each row of the last axis, least significant bits of each word first.

    Codes may lie across two words, as those of 3 bits do.
    """
    octets = np.ascontiguousarray(packed).view(np.uint8)  # little-endian words, so the stream of bits goes on
    if bits == 8:
        return octets[..., :count]
    if bits in (2, 4):
        slots = 8 // bits
        digits = np.stack([(octets >> (bits * place)) & (2**bits - 1) for place in range(slots)], axis=-1)
        return digits.reshape(*octets.shape[:-1], -1)[..., :count].astype(np.uint8)
    stream = np.unpackbits(octets, axis=-1, bitorder="little")[..., : bits * count]
    weights = (1 << np.arange(bits)).astype(np.uint8)
    values: NDArray[np.uint8] = (stream.reshape(*stream.shape[:-1], count, bits) * weights).sum(-1, dtype=np.uint8)
    return values


def each(groups: Array, size: int, count: int, axis: int = -1) -> Array:
    """A value for each of `count` entries along the axis, from one for each group of `size` of them.

    A file may state any size: no group is longer than there are entries.
    """
    values = np.repeat(groups, min(size, count), axis)
    return np.take(values, range(count), axis) if values.shape[axis] != count else values


def over(shape: tuple[int, ...], scale: Array, block: tuple[int, int]) -> Array:
    """Scales of blocks of the last two dimensions, for each entry."""
    rows, columns = shape[-2:]
    return each(each(scale, block[0], rows, -2), block[1], columns, -1)
