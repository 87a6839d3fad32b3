"""The precision of the values of a weight: the narrowest type that holds all of them."""

import numpy as np

from analysis.runtime.arrays import Numbers, as_array, dtype_name
from analysis.runtime.shapes import Float

NARROWER = ("bfloat16", "float16", "float32")  # the one to name first
ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-9}
FIRST, BLOCK = 256, 1 << 20  # numbers that are looked at first, where most types end, and then at a time


def stored_type(slices: Float[Numbers, "s m n"]) -> str:
    """The narrowest type that holds every value: "bfloat16", "float16", or that of the file."""
    array, own = as_array(slices), dtype_name(slices)
    if own not in ("float32", "float64"):
        return own
    candidates = [kind for kind in NARROWER if kind != own]
    height = max(1, BLOCK // array.shape[2])
    blocks = (one[start : start + height] for one in array for start in range(0, len(one), height))
    for block in (array[0, :1, :FIRST], *blocks):
        candidates = [kind for kind in candidates if _holds(kind, block)]
        if not candidates:
            return own
    return candidates[0]


def _holds(kind: str, block: Float[np.ndarray, "b n"]) -> bool:
    """Whether every value is one of that type."""
    with np.errstate(over="ignore"):
        narrow = block.astype(np.float32 if kind == "bfloat16" else kind)
    if not np.array_equal(narrow, block):
        return False
    return kind != "bfloat16" or not (narrow.view(np.uint32) & 0xFFFF).any()  # the upper half of a float32
