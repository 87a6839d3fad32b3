"""Projections whose heads, or whose parts, have a dimension of their own: Flax, Keras, Gemma's einsums, XLNet.

Keras's MultiHeadAttention and Flax's DenseGeneral have queries, keys and values as (d, heads, d_head), Gemma has them
as (heads, d, d_head) under the same names in Keras: which it is the shapes around say. d is the side that q, k, v and
the output projection of one attention share, and that the norms of its block are as long as.
"""

import re
from collections import Counter
from collections.abc import Iterable

from analysis import names
from analysis.layout import Layout
from analysis.names.parts import components
from analysis.tensors.header import Headers
from analysis.tensors.layouts.lay import Lay, ends_in_kernel

HEADS = ("q", "k", "v", "r", "query", "key", "value", "q_proj", "k_proj", "v_proj")
OUTPUTS = ("o", "out", "attention_output", "output", "o_proj", "out_proj")
EINSUMS = {"q_einsum": ("oio", "q"), "attn_vec_einsum": ("iio", "o")}
FUSED = {"kv_einsum": 2, "qkv_einsum": 3}  # parts, heads, d, d_head
EXPERT = re.compile(r"_\d{1,3}$")  # of several models side by side in one stack (openpi): "q_einsum_1"
INPUTS_FIRST, HEADS_FIRST = "ioo", "oio"
UNCLEAR = (
    "a projection into heads whose sides nothing in the file tells apart: (d, heads, d_head) or (heads, d, d_head); "
    "give the whole model"
)
UNCLEAR_GATES = (
    "gate and up in one tensor, whose sides nothing in the file tells apart: (2, d, f) or (2, f, d); give all of it"
)


def join_heads(name: str, headers: Headers) -> Lay | None:
    """How a projection lies whose heads or parts have a side of their own; None of any other tensor."""
    shape, found = headers.of[name].shape, names.parts(name)
    if len(shape) < 3 or names.holds_experts(found):
        return None
    leaf = EXPERT.sub("", found[-1])
    if leaf == "gating_einsum" and len(shape) == 3 and shape[0] == 2:
        return _gating(name, headers)
    if len(shape) == 4 and FUSED.get(leaf) == shape[0]:
        return Lay(Layout.AXES, axes="poio", role="qkv")
    if len(shape) != 3:
        return None
    if leaf in EINSUMS:
        axes, role = EINSUMS[leaf]
        return Lay(Layout.AXES, axes=axes, role=role)
    if ends_in_kernel(name) or _ends_in_w(name):
        return _into_heads(name, leaf, headers)
    above = found[-2] if len(found) > 1 else ""
    if name.endswith(found[-1]) and "att" in above and leaf in (*HEADS, *OUTPUTS):  # XLNet: (d, heads, d_head)
        return Lay(Layout.AXES, axes="ioo" if leaf in HEADS else "oii")
    return None


def _ends_in_w(name: str) -> bool:
    return name.endswith((".w", "/w"))


def _into_heads(name: str, leaf: str, headers: Headers) -> Lay | None:
    if leaf in OUTPUTS:
        return Lay(Layout.AXES, axes="iio")
    if leaf not in HEADS:
        return None
    axes = _order(name, headers)
    return Lay(Layout.AXES, axes=axes) if axes else Lay(Layout.NONE, skip=UNCLEAR)


def _order(name: str, headers: Headers) -> str:
    """INPUTS_FIRST or HEADS_FIRST; "" where nothing says it."""
    shape = headers.of[name].shape
    told = (
        _decide(headers.bias_shape(name), shape[1:], (shape[0], shape[2]))
        or _by_output(name, shape, headers)
        or _by_siblings(name, shape, headers)
        or _by_vectors(name, shape, headers)
    )
    return told or (INPUTS_FIRST if shape[0] >= shape[1] else "")


def _decide(value: object, inputs_first: object, heads_first: object) -> str:
    """Which of the two it equals; "" where both or none."""
    if (value == inputs_first) == (value == heads_first):
        return ""
    return INPUTS_FIRST if value == inputs_first else HEADS_FIRST


def _by_output(name: str, shape: tuple[int, ...], headers: Headers) -> str:
    """The output projection is (heads, d_head, d)."""
    for leaf in OUTPUTS:
        output = headers.shape(_rename(name, leaf))
        if len(output) == 3 and output[1] == shape[2]:
            return _decide(output[2], shape[0], shape[1])
    return ""


def _by_siblings(name: str, shape: tuple[int, ...], headers: Headers) -> str:
    """Where queries have more heads than keys, the side that they share is d."""
    for leaf in HEADS:
        other = headers.shape(_rename(name, leaf))
        if len(other) == 3 and other != shape and other[2] == shape[2]:
            return INPUTS_FIRST if other[0] == shape[0] else HEADS_FIRST if other[1] == shape[1] else ""
    return ""


def _by_vectors(name: str, shape: tuple[int, ...], headers: Headers) -> str:
    """The gains and biases of the same block: most of them are d long."""
    lengths = headers.of_block(name, _count_lengths)
    first, second = lengths[shape[0]], lengths[shape[1]]
    return "" if bool(first) == bool(second) else INPUTS_FIRST if first else HEADS_FIRST


def _count_lengths(headers: Headers, block: Iterable[str]) -> "Counter[int]":
    """How many vectors are so long."""
    return Counter(headers.of[name].shape[0] for name in block if len(headers.of[name].shape) == 1)


def _rename(name: str, leaf: str) -> str:
    """The name of another layer of the same attention."""
    own = components(name)[-1]
    head, _, tail = name.rpartition(own)
    return f"{head}{leaf}{tail}"


def _gating(name: str, headers: Headers) -> Lay:
    """Gate and up of Gemma: (2, d, f), or (2, f, d) in Gemma 2 and 3; the matrix after them is (f, d)."""
    shape = headers.of[name].shape
    down = headers.shape(_rename(name, "linear")) or headers.shape(_rename(name, "linear")[:-2])
    if len(down) != 2 or sorted(down) != sorted(shape[1:]):
        return Lay(Layout.NONE, skip=UNCLEAR_GATES)
    return Lay(Layout.AXES, axes="poi" if down == shape[1:] else "pio", role="gate_up")
