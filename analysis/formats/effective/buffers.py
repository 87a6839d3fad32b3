"""Which tensors of a checkpoint hold constants that no training made, told from a few of their numbers.

Only what has the shape and type of a weight is looked at, and of that some rows; see analysis.tensors.constants.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.formats.stored import Array, Stored
from analysis.names import role_of
from analysis.tensors.constants import FLOATS, LARGEST, Values, constant_kind

LAYERS = ("q", "k", "v", "qkv", "o", "gate", "up", "down", "gate_up", "head", "conv", "router", "recurrent", "pooler")
TRANSFORM = re.compile(r"(?i)stft|fourier|(?<![a-z])i?dft|basis")  # convolutions that transform by a fixed table
NATIVE = {"float64": "f8", "float32": "f4", "float16": "f2"}


def constant_kinds(stored: Mapping[str, Array]) -> dict[str, str]:
    """The kind of constant, a key of `constants.REASONS`, of each tensor that is one. Raises CheckpointError."""
    kinds = {name: _kind(name, tensor) for name, tensor in stored.items() if _like_a_weight(tensor)}
    return {name: kind for name, kind in kinds.items() if kind}


def _like_a_weight(tensor: Array) -> bool:
    return tensor.dtype in FLOATS and len(tensor.shape) > 1 and 0 < tensor.size <= LARGEST


def decode_floats(tensor: Array) -> Values:
    """All values of a tensor of floats."""
    words, big_endian = _words(tensor)
    return _decode(words, tensor.dtype, big_endian)


def _words(tensor: Array) -> tuple[NDArray[Any], bool]:
    """Its elements as stored, and whether they are big-endian."""
    return (tensor.words(), tensor.big_endian) if isinstance(tensor, Stored) else (tensor.load(), False)


def _kind(name: str, tensor: Array) -> str:
    words, big_endian = _words(tensor)
    decode = partial(_decode, dtype=tensor.dtype, big_endian=big_endian)
    return constant_kind(words, tensor.dtype, decode, role_of(name) in LAYERS and not TRANSFORM.search(name))


def _decode(words: NDArray[Any], dtype: str, big_endian: bool) -> Values:
    """Some words of a tensor as numbers."""
    native = np.ascontiguousarray(words.byteswap() if big_endian else words)
    if dtype == "bfloat16":  # the upper half of a float32
        return (native.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    with np.errstate(invalid="ignore"):  # of a signalling NaN, as bytes in the wrong order hold
        return native.view(NATIVE[dtype]).astype(np.float64)
