"""Which small tensors of a checkpoint, biases and gains among them, hold values that are NaN or infinite.

No diagnostic reads those that are no matrices; one such value spreads all the same. Nothing here imports torch: the
ingest child uses it too.
"""

from collections.abc import Mapping

import numpy as np

from analysis.formats.effective.buffers import decode_floats
from analysis.formats.stored import Array
from analysis.tensors.constants import FLOATS

LARGEST = 1 << 20  # numbers of a tensor; a larger one is no bias, no gain and no table of biases


def count_not_finite(stored: Mapping[str, Array]) -> dict[str, int]:
    """How many values are not finite, of each small tensor of floats that has some."""
    counts = {name: _count(tensor) for name, tensor in stored.items() if _is_small(tensor)}
    return {name: count for name, count in counts.items() if count}


def _is_small(tensor: Array) -> bool:
    return tensor.dtype in FLOATS and 0 < tensor.size <= LARGEST


def _count(tensor: Array) -> int:
    return int(np.count_nonzero(~np.isfinite(decode_floats(tensor))))
