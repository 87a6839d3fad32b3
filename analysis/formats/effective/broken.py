"""Which vectors of a checkpoint, biases and gains among them, hold values that are NaN or infinite.

They are no matrices, so that no diagnostic reads them; one such value reaches every output all the same. Nothing here
imports torch: the ingest child uses it too.
"""

from collections.abc import Mapping

import numpy as np

from analysis.formats.effective.buffers import decode_floats
from analysis.formats.stored import Array
from analysis.tensors.constants import FLOATS

LONGEST = 1 << 20  # numbers of a vector; a longer one is no bias and no gain


def count_not_finite(stored: Mapping[str, Array]) -> dict[str, int]:
    """How many values are not finite, of each vector of floats that has some."""
    counts = {name: _count(tensor) for name, tensor in stored.items() if _is_vector(tensor)}
    return {name: count for name, count in counts.items() if count}


def _is_vector(tensor: Array) -> bool:
    return tensor.dtype in FLOATS and 0 < tensor.size <= LONGEST and tensor.size == max(tensor.shape, default=1)


def _count(tensor: Array) -> int:
    return int(np.count_nonzero(~np.isfinite(decode_floats(tensor))))
