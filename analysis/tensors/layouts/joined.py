"""Projections whose heads have a dimension of their own."""

from analysis import names
from analysis.layout import Layout
from analysis.tensors.header import Headers
from analysis.tensors.layouts.lay import Lay, ends_in_kernel

HEADS = ("q", "k", "v", "r", "query", "key", "value")
OUTPUTS = ("o", "out", "attention_output", "output")


def join_heads(name: str, headers: Headers) -> Lay | None:
    """Projections stored as (d, heads, d_head), or back as (heads, d_head, d): XLNet, Funnel, Flax, Keras."""
    shape = headers.of[name].shape
    if len(shape) != 3 or names.holds_experts(names.parts(name)):
        return None
    found = names.parts(name)
    above = found[-2] if len(found) > 1 else ""
    if ends_in_kernel(name):
        if found[-1] in HEADS:
            return Lay(Layout.JOINED_LAST, transposed=True)
        return Lay(Layout.JOINED_FIRST, transposed=True) if found[-1] in OUTPUTS else None
    bare = name.endswith(found[-1]) and "att" in above
    if bare and found[-1] in HEADS:
        return Lay(Layout.JOINED_LAST, transposed=True)
    return Lay(Layout.JOINED_LAST) if bare and found[-1] in OUTPUTS else None  # XLNet: (d, heads, d_head) both ways
