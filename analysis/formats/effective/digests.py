"""Digests of the tensors that no diagnostic measures: norms, biases, counters, masks.

Two checkpoints are compared by them where their files are not at hand. Nothing here imports torch: the ingest child
uses it too.
"""

import hashlib
from collections.abc import Container, Mapping

from analysis.formats.effective.buffers import decode_floats
from analysis.formats.stored import Array
from analysis.tensors.constants import FLOATS

SMALL = 1 << 16  # numbers of a matrix up to which it has a digest too: it may be left out as too small or as a buffer
LONGEST = 1 << 22  # numbers of any other tensor; a longer one has none


def digests_of(stored: Mapping[str, Array], constants: Container[str] = ()) -> dict[str, str]:
    """128 bits of each vector, small tensor, tensor of whole numbers and constant, as hexadecimal digits.

    Floats of two types with the same values have the same digest.
    """
    return {name: _digest(tensor) for name, tensor in stored.items() if _has_one(tensor, name in constants)}


def _has_one(tensor: Array, constant: bool) -> bool:
    vector = tensor.size == max(tensor.shape, default=1)
    small = tensor.size <= SMALL or vector or constant or tensor.dtype not in FLOATS
    return small and tensor.size <= LONGEST


def _digest(tensor: Array) -> str:
    floats = tensor.dtype in FLOATS
    hasher = hashlib.blake2b(f"{tuple(tensor.shape)} {'float' if floats else tensor.dtype}".encode(), digest_size=16)
    if tensor.size:
        hasher.update((decode_floats(tensor) if floats else tensor.load()).tobytes())
    return hasher.hexdigest()
