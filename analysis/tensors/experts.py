"""Experts of a mixture that one checkpoint stores stacked in one tensor and another apart, found in each other.

Both say the same of an expert: its block, its number, and whether it is gate, up or down. `as_stored_in` names what a
checkpoint holds as another does: a member of a stack as a tensor of its own, or the experts as members of one stack.
`read` makes such a tensor out of those in the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from analysis import names
from analysis.names.labels import expert_of
from analysis.names.places import side
from analysis.tensors.matrices import matrices, weights
from analysis.weight import STACKS, Layout, TensorInfo, WeightInfo

if TYPE_CHECKING:
    from analysis.checkpoint import OpenCheckpoint


@runtime_checkable
class ReadsMembers(Protocol):
    """A checkpoint that reads one matrix of a stack without the others."""

    def read_member(self, name: str, member: int) -> Tensor: ...


Key = tuple[str, tuple[int, ...], str, str]  # side of the model, block, expert, role
ROLES = ("gate", "up", "down")


def as_stored_in(base: Sequence[TensorInfo], held: Sequence[TensorInfo]) -> list[TensorInfo]:
    """The tensors of `held`, those of experts by the names and in the shapes that `base` has for the same experts.

    What the base does not store otherwise is left as it is.
    """
    apart, stacked = _single_experts(base), [info for info in base if _is_stack(info)]
    ours = {info.called for info in held}
    single = _single_experts(held)
    bundles = [bundle for stack in stacked if stack.called not in ours and (bundle := _bundle(stack, single))]
    used = {part.name for bundle in bundles for part in bundle.made_of}
    found: list[TensorInfo] = []
    for info in held:
        if _is_stack(info) and (members := _members(info, apart)):
            found += members
        elif info.name not in used:
            found.append(info)
    return found + bundles


def _is_stack(info: TensorInfo) -> bool:
    return info.layout in STACKS and names.holds_experts(names.parts(info.name))


def _key(name: str, role: str) -> Key | None:
    """Which expert's which matrix a name means; None where it is no expert's."""
    found = names.parts(name)
    expert = expert_of(found) if role in ROLES else None
    return None if expert is None or expert == "shared expert" else (side(found), names.place_of(name), expert, role)


def _single_experts(infos: Iterable[TensorInfo]) -> dict[Key, TensorInfo]:
    """The experts' matrices that are tensors of their own."""
    single = (info for info in infos if info.skip is None and info.layout == Layout.MATRIX)
    return {key: info for info in single if (key := _key(info.called, info.role)) is not None}


def _members(stack: TensorInfo, apart: Mapping[Key, TensorInfo]) -> list[TensorInfo]:
    """The members of a stack under the names that the base has for them; none where it lacks one."""
    found = []
    for at, planned in enumerate(matrices(stack)):
        key = _key(planned.name, planned.role)
        target = apart.get(key) if key is not None else None
        if target is None:
            return []
        found.append(_member(stack, at, planned, target))
    return found


def _member(stack: TensorInfo, at: int, planned: WeightInfo, target: TensorInfo) -> TensorInfo:
    shape = (planned.columns, planned.rows) if target.transposed else (planned.rows, planned.columns)
    return replace(
        target, shape=shape, dtype=stack.dtype, nbytes=stack.nbytes // len(matrices(stack)), made_of=(stack,), member=at
    )


def _bundle(stack: TensorInfo, single: Mapping[Key, TensorInfo]) -> TensorInfo | None:
    """The stack of the base made of tensors that are apart here; None where one is missing or of another shape."""
    planned = matrices(stack)
    keys = [_key(weight.name, weight.role) for weight in planned]
    parts = tuple(single[key] for key in keys if key is not None and key in single)
    if len(parts) < len(planned) or len({part.dtype for part in parts}) > 1:
        return None
    if any(_extents(part) != (weight.rows, weight.columns) for part, weight in zip(parts, planned, strict=True)):
        return None
    return replace(stack, dtype=parts[0].dtype, nbytes=sum(part.nbytes for part in parts), made_of=parts)


def _extents(info: TensorInfo) -> tuple[int, int]:
    (planned,) = matrices(info)
    return planned.rows, planned.columns


def read(checkpoint: "OpenCheckpoint", info: TensorInfo) -> Tensor:
    """The tensor of the checkpoint, or what its parts make, as `info` says that it lies."""
    if not info.made_of:
        return checkpoint.read(info.name)
    return _read_member(checkpoint, info) if info.member >= 0 else _read_bundle(checkpoint, info)


def _read_member(checkpoint: "OpenCheckpoint", info: TensorInfo) -> Tensor:
    (stack,) = info.made_of
    each = len(matrices(stack)) // stack.shape[0]
    expert, at = divmod(info.member, each)
    if isinstance(checkpoint, ReadsMembers):
        tensor = checkpoint.read_member(stack.name, expert)
    else:
        tensor = checkpoint.read(stack.name)[expert : expert + 1]
    found = list(weights(replace(stack, shape=(1, *stack.shape[1:])), tensor))[at].slices[0]
    return (found.T if info.transposed else found).contiguous()


def _read_bundle(checkpoint: "OpenCheckpoint", info: TensorInfo) -> Tensor:
    parts = info.made_of
    made = torch.empty(info.shape, dtype=getattr(torch, parts[0].dtype))
    for place, part in zip(weights(info, made), parts, strict=True):
        (single,) = weights(part, checkpoint.read(part.name))
        place.slices.copy_(single.slices)
    return made
