"""Tensors that no diagnostic measures, compared between a tuned checkpoint and its base: by value, or by digest."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from analysis.checkpoint import OpenCheckpoint
from analysis.errors import TensorError
from analysis.other_tensors import OtherTensors
from analysis.runtime.pytorch import Tensor, torch
from analysis.tensors.prefixes import pair_names
from analysis.weight import TensorInfo


def compare_others(base: OpenCheckpoint, tuned: OpenCheckpoint) -> OtherTensors | None:
    """Value by value. None where one of them is an adapter, which holds a part of a model."""
    if base.kind != "model" or tuned.kind != "model":
        return None
    pairs, lone_names, _ = _pair(base.tensors, tuned.tensors)
    digest, same, changed_names = hashlib.sha256(), 0, list[str]()
    for ours, theirs in pairs:
        one, other = _read(tuned, ours), _read(base, theirs)
        digest.update(theirs.called.encode() + (b"" if one is None else bytes_of(one)))
        if one is None or other is None or not have_equal_values(one, other):
            changed_names.append(theirs.name)
        else:
            same += 1
    return OtherTensors(same, tuple(changed_names), lone_names, digest.hexdigest())


def compare_listed(base: Sequence[TensorInfo], tuned: Sequence[TensorInfo]) -> OtherTensors:
    """The same of two models whose files are not at hand, by the digests that were taken when they were read."""
    pairs, lone_names, partners = _pair(base, tuned)
    digest, same, changed_names, unread = hashlib.sha256(), 0, list[str](), list[str]()
    for ours, theirs in pairs:
        digest.update(f"{theirs.called} {ours.digest}".encode())
        if ours.same_as and partners.get(ours.same_as) == theirs.same_as:  # tied to a matrix, which is measured
            same += 1
        elif not ours.digest or not theirs.digest:
            unread.append(theirs.name)
        elif ours.digest != theirs.digest:
            changed_names.append(theirs.name)
        else:
            same += 1
    return OtherTensors(same, tuple(changed_names), lone_names, digest.hexdigest(), tuple(unread))


def _pair(
    base: Sequence[TensorInfo], tuned: Sequence[TensorInfo]
) -> tuple[list[tuple[TensorInfo, TensorInfo]], tuple[str, ...], Mapping[str, str]]:
    """Those that both have and one of them does not measure, the fine-tuned model's first; the names that one
    alone has; and all names of the fine-tuned model with the base's.
    """
    ours, theirs = ({info.called: info for info in one} for one in (tuned, base))
    partners = pair_names(ours, theirs, lambda a, b: sorted(ours[a].shape) == sorted(theirs[b].shape)).partners
    all_pairs = ((ours[name], theirs[to]) for name, to in sorted(partners.items()))
    pairs = [pair for pair in all_pairs if any(info.skip is not None for info in pair)]
    lone_names = [*_unpaired_names(ours, partners.keys()), *_unpaired_names(theirs, partners.values())]
    return pairs, tuple(lone_names), partners


def _unpaired_names(held: Mapping[str, TensorInfo], used: Iterable[str]) -> list[str]:
    used_names = set(used)
    return [info.name for name, info in held.items() if name not in used_names]


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
    if not tensor.numel():
        return b""  # an empty one has no stride of its own
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
