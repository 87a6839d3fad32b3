"""Tensors that no diagnostic measures, compared value by value between a tuned checkpoint and its base."""

import hashlib
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from analysis.checkpoint import OpenCheckpoint
from analysis.errors import TensorError
from analysis.other_tensors import OtherTensors
from analysis.tensors.prefixes import pair_names
from analysis.weight import TensorInfo


def compare_others(base: OpenCheckpoint, tuned: OpenCheckpoint) -> OtherTensors | None:
    """None where one of them is an adapter, which holds a part of a model."""
    if base.kind != "model" or tuned.kind != "model":
        return None
    ours, theirs = ({info.called: info for info in one.tensors} for one in (tuned, base))
    partners = pair_names(ours, theirs, lambda a, b: sorted(ours[a].shape) == sorted(theirs[b].shape)).partners
    digest, same, changed = hashlib.sha256(), 0, list[str]()
    for name, to in sorted(partners.items()):
        if theirs[to].skip is None and ours[name].skip is None:
            continue
        one, other = _read(tuned, ours[name]), _read(base, theirs[to])
        digest.update(to.encode() + (b"" if one is None else bytes_of(one)))
        if one is None or other is None or not have_equal_values(one, other):
            changed.append(theirs[to].name)
        else:
            same += 1
    alone = [*_unpaired_names(ours, partners.keys()), *_unpaired_names(theirs, partners.values())]
    return OtherTensors(same, tuple(changed), tuple(alone), digest.hexdigest())


def _unpaired_names(held: Mapping[str, TensorInfo], used: Iterable[str]) -> list[str]:
    taken = set(used)
    return [info.name for name, info in held.items() if name not in taken]


def _read(checkpoint: OpenCheckpoint, info: TensorInfo) -> Tensor | None:
    try:
        return checkpoint.read(info.name)
    except TensorError:
        return None


def have_equal_values(one: Tensor, other: Tensor) -> bool:
    """Whether all bytes are the same, or, of two types, all values. NaN equals itself by its bytes."""
    if one.dtype == other.dtype:
        return one.shape == other.shape and bytes_of(one) == bytes_of(other)
    return one.shape == other.shape and torch.equal(one.double(), other.double())


def bytes_of(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
