"""What tells copies of a tensor from others of its shape: the digest of its bytes, and a sample of its values."""

import hashlib
import math

import numpy as np

from analysis.runtime.arrays import Numbers, as_array, double, dtype_name
from analysis.runtime.shapes import Float, Float32

SAMPLE = 512  # values: two independent ones have a cosine of 0 ± 0.044
STRIDE = 0.6180339887498949  # of the golden section: positions that keep clear of any period of rows or columns


def digest(slices: Float[Numbers, "s m n"]) -> str:
    """Sixteen hexadecimal digits of the bytes and the type, in blocks of rows."""
    hasher = hashlib.blake2b(f"torch.{dtype_name(slices)}".encode(), digest_size=8)
    for matrix in as_array(slices):
        height = max(1, (1 << 20) // max(1, matrix.shape[1]))
        for start in range(0, len(matrix), height):
            hasher.update(np.ascontiguousarray(matrix[start : start + height]).view(np.uint8).data)
    return hasher.hexdigest()


def sample(slices: Float[Numbers, "s m n"]) -> Float32[np.ndarray, " p"]:
    """Values at places that hang on the shape alone, over their largest: cosines of whole tensors come from these."""
    array = as_array(slices)
    count = array.size
    size = min(SAMPLE, count)
    places = (
        np.unique((np.arange(size) * STRIDE % 1.0 * count).astype(np.int64)) if count > SAMPLE else np.arange(count)
    )
    values = double(array[np.unravel_index(places, array.shape)])
    largest = float(np.abs(values).max())
    shares: Float32[np.ndarray, " p"] = (values / largest if largest > 0.0 else values).astype(np.float32)
    return shares


def cosine(one: Float32[np.ndarray, " p"], other: Float32[np.ndarray, " p"]) -> float:
    """Of two samples; 0 where one of them is zero."""
    norm = math.sqrt(float(np.dot(one, one)) * float(np.dot(other, other)))
    return float(np.dot(one, other)) / norm if norm > 0.0 else 0.0
