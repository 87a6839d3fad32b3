"""Which small tensors of a checkpoint, biases and gains among them, hold values that are NaN or infinite, and how large
the gains of its norms are.

No diagnostic reads those that are no matrices; one such value spreads all the same, and a gain of zero stops all that
passes. Nothing here imports torch: the ingest child uses it too.
"""

import math
from collections.abc import Mapping

import numpy as np

from analysis.formats.effective.buffers import decode_floats
from analysis.formats.stored import Array
from analysis.tensors.constants import FLOATS
from analysis.tensors.gains import is_gain

LARGEST = 1 << 20  # numbers of a tensor; a larger one is no bias, no gain and no table of biases


def count_not_finite(stored: Mapping[str, Array]) -> dict[str, int]:
    """How many values are not finite, of each small tensor of floats that has some."""
    counts = {name: _count(tensor) for name, tensor in stored.items() if _is_small(tensor)}
    return {name: count for name, count in counts.items() if count}


def gain_sizes(stored: Mapping[str, Array]) -> dict[str, float]:
    """The root mean square of the gain of each norm, where it is finite."""
    sizes = {name: _size(tensor) for name, tensor in stored.items() if _is_vector(tensor) and is_gain(name)}
    return {name: size for name, size in sizes.items() if math.isfinite(size)}


def _is_vector(tensor: Array) -> bool:
    return _is_small(tensor) and 1 < tensor.size == max(tensor.shape)


def _size(tensor: Array) -> float:
    """Of the largest first, so that no square overflows or is lost."""
    values = decode_floats(tensor)
    largest = float(np.abs(values).max())
    return largest * math.sqrt(np.square(values / largest).mean()) if 0.0 < largest < math.inf else largest


def _is_small(tensor: Array) -> bool:
    return tensor.dtype in FLOATS and 0 < tensor.size <= LARGEST


def _count(tensor: Array) -> int:
    return int(np.count_nonzero(~np.isfinite(decode_floats(tensor))))
