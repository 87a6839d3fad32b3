"""Every tensor of a checkpoint as readers see it, with the weights that several of them make up formed in their place.

A weight that a file keeps in parts or as codes is described by its own name, shape and float32, and listed under its
main part; the other parts are listed with the reason why they are no weight. A tensor with the same numbers as another
one is listed once more, and neither analysed nor counted again.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from analysis.attention import Facts
from analysis.errors import escape
from analysis.layout import Layout
from analysis.names.parts import forget
from analysis.tensors.constants import REASONS
from analysis.tensors.gains import describe_ratio
from analysis.tensors.matrices import Header, describe
from analysis.weight import TensorInfo

NO_WEIGHT = "no weight"  # in the reason of what is none: an optimizer's state, a copy, a mask, which may be infinite
BROKEN = "are NaN or infinite"
OF_OTHER = " of its "  # in the reason of a broken tensor without rows; that of a broken matrix is the note of its rows
# the names of masks, and of what observers of a range have seen so far: infinity is their start
ENDLESS = re.compile(
    r"(?:.*[._])?(?:mask|masked_bias|causal_mask\w*|tril|triu|(?:min|max)_vals?)(?:\.(?:bias|weight))?"
)
DIGEST = re.compile("[0-9a-f]{32}")
WIDTHS = {"float32": 4, "float64": 8}  # bytes of the values that are formed


@dataclass(frozen=True, slots=True)
class Made:
    """A weight formed out of stored tensors, as a header."""

    weight: str
    header: Header
    how: str


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a file's headers alone do not tell of it, by the names of its tensors."""

    made: Mapping[str, Made] = field(default_factory=dict)  # by main part
    left: Mapping[str, str] = field(default_factory=dict)  # tensors that are no weight by themselves → the reason
    same: Mapping[str, str] = field(default_factory=dict)  # tensors that repeat another one → that one
    constants: Mapping[str, str] = field(default_factory=dict)  # tensors that no training made → a kind of constants.py
    broken: Mapping[str, int] = field(default_factory=dict)  # small tensors → how many values are NaN or infinite
    gains: Mapping[str, float] = field(default_factory=dict)  # norms' gains apart from their siblings → the ratio
    digests: Mapping[str, str] = field(default_factory=dict)  # tensors that are small or no matrices → of their values


def beyond_of(said: Mapping[str, Any]) -> Beyond:
    """The same out of the JSON of an open checkpoint; ValueError, TypeError or KeyError where it makes no sense."""
    weights = {}
    for name, (weight, shape, dtype, how) in said["made"].items():
        extents = tuple(int(extent) for extent in shape)
        if min(extents, default=0) < 0 or dtype not in WIDTHS:
            raise ValueError(f"{name}: {shape} of {dtype}")
        size = WIDTHS[dtype] * math.prod(extents)
        weights[str(name)] = Made(str(weight), Header(extents, dtype, size), str(how))
    reasons, same = ({str(name): str(text) for name, text in said[key].items()} for key in ("left", "same"))
    constants = {str(name): str(kind) for name, kind in said.get("constants", {}).items() if kind in REASONS}
    counts = {str(name): int(count) for name, count in said.get("broken", {}).items()}
    digests = {str(name): str(text) for name, text in said.get("digests", {}).items() if DIGEST.fullmatch(str(text))}
    gains = {str(name): float(ratio) for name, ratio in said.get("gains", {}).items()}
    return Beyond(weights, reasons, same, constants, counts, gains, digests)


def describe_all(headers: Mapping[str, Header], beyond: Beyond, facts: Facts | None = None) -> tuple[TensorInfo, ...]:
    """Every tensor of the file, in its order. `facts` are the model's, which say how many heads it has."""
    try:
        return _describe_all(headers, beyond, facts)
    finally:
        forget()


def _describe_all(headers: Mapping[str, Header], beyond: Beyond, facts: Facts | None) -> tuple[TensorInfo, ...]:
    headers = {
        name: replace(header, constant=kind) if (kind := beyond.constants.get(name)) else header
        for name, header in headers.items()
    }
    plain = {info.name: info for info in describe(headers, facts)}
    if not beyond.made and not beyond.left:
        return tuple(_mark(plain[name], beyond) for name in headers)
    new_headers = {
        entry.weight if (entry := beyond.made.get(name)) else name: entry.header if entry else header
        for name, header in headers.items()
        if name not in beyond.left
    }
    new_infos = {info.name: info for info in describe(new_headers, facts)}
    return tuple(_mark(_list_info(name, plain, new_infos, beyond), beyond) for name in headers)


def _list_info(
    name: str, plain: Mapping[str, TensorInfo], formed: Mapping[str, TensorInfo], beyond: Beyond
) -> TensorInfo:
    if (reason := beyond.left.get(name)) is not None:
        return _skip(plain[name], reason)
    if (entry := beyond.made.get(name)) is None:
        return formed[name]
    return replace(formed[entry.weight], name=name, weight="" if entry.weight == name else entry.weight, made=entry.how)


def _mark(info: TensorInfo, beyond: Beyond) -> TensorInfo:
    """The same, with what its values say of one that is not analysed."""
    result = _mark_copy(info, beyond)
    return result if result.skip is None else replace(result, digest=beyond.digests.get(info.name, ""))


def _mark_copy(info: TensorInfo, beyond: Beyond) -> TensorInfo:
    other = beyond.same.get(info.name)
    if other is None:
        return _note_gain(_note_not_finite(info, beyond.broken.get(info.name, 0)), beyond.gains.get(info.name))
    return replace(_skip(info, info.skip or f"the same tensor as {escape(other)}"), same_as=other)


def _note_not_finite(info: TensorInfo, count: int) -> TensorInfo:
    """The same, with what is wrong with a tensor of the model beside the reason why it is not analysed."""
    if not count or info.skip is None or NO_WEIGHT in info.skip or ENDLESS.fullmatch(info.name.lower()):
        return info
    return replace(info, skip=f"{info.skip}; {count:,}{OF_OTHER}{info.size:,} values {BROKEN}")


def _note_gain(info: TensorInfo, ratio: float | None) -> TensorInfo:
    """The same, with what is odd about a norm's gain beside the reason why it is not analysed."""
    if ratio is None or info.skip is None or NO_WEIGHT in info.skip:
        return info
    return replace(info, skip=f"{info.skip}; {describe_ratio(ratio)}")


def _skip(info: TensorInfo, reason: str) -> TensorInfo:
    return replace(info, skip=reason, layout=Layout.NONE, transposed=False)
