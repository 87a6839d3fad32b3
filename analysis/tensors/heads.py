"""The heads of attention as slices of the matrices that project into them and back.

With h heads of queries, g groups that share a key and a value, and d numbers in a head, q has h·d outputs, k and v
have g·d, and o has h·d inputs, head after head (Vaswani et al. 2017, arXiv 1706.03762, section 3.2.2; grouped: Ainslie
et al. 2023, arXiv 2305.13245). Matrices are m outputs × n inputs, whatever the file's own orientation: what
`analysis.tensors.matrices.weights` cuts out of a tensor has its heads where `heads_of` says.
"""

from dataclasses import dataclass

import numpy as np

from analysis.attention import Attention
from analysis.runtime.shapes import Int
from analysis.weight import WeightInfo

PROJECTIONS = ("q", "k", "v", "o")
ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Head:
    """One head's part of a projection: `matrix[head.rows, head.columns]`.

    Its `index` counts heads in q and o, and groups in k and v: queries of head i meet keys of group i // (h / g).
    """

    role: str  # "q", "k", "v" or "o"
    index: int
    rows: slice
    columns: slice


def heads_of(info: WeightInfo, attention: Attention | None) -> tuple[Head, ...]:
    """The heads of a projection, in their order; () where it is none, or where its shape is not that of those heads.

    A fused projection that was not split (role "qkv") has none: how they lie in it is not known.
    """
    if attention is None or info.role not in PROJECTIONS or info.slices != 1:
        return ()
    count = attention.groups if info.role in ("k", "v") else attention.heads
    extent = info.columns if info.role == "o" else info.rows
    size = _size(info.role, attention)
    if extent % count or (size and extent != count * size):
        return ()
    return tuple(_head(info.role, index, extent // count) for index in range(count))


def group_of(head: int, attention: Attention) -> int:
    """The group whose key and value the queries of a head meet.

    >>> group_of(5, Attention(heads=8, groups=2))
    1
    """
    return head // (attention.heads // attention.groups)


def rows_by_group(rows: int, queries: int, groups: int) -> dict[str, Int[np.ndarray, " r"]]:
    """The outputs that are q, k and v of a fused projection of so many rows that holds group after group.

    Each group has its share of the queries, then one key and one value: GPT-NeoX, BLOOM, Falcon, Megatron, InternLM2.
    """
    size = (rows - queries) // 2 // groups  # of a group's key, and of its value
    by_group = np.arange(rows).reshape(groups, rows // groups)  # (g, queries / g + 2 d)
    first = queries // groups
    return {
        "q": by_group[:, :first].flatten(),
        "k": by_group[:, first : first + size].flatten(),
        "v": by_group[:, first + size :].flatten(),
    }


def _size(role: str, attention: Attention) -> int:
    return attention.value_size if role in ("v", "o") and attention.value_size else attention.size


def _head(role: str, index: int, size: int) -> Head:
    part = slice(index * size, (index + 1) * size)
    return Head(role, index, ALL, part) if role == "o" else Head(role, index, part, ALL)
