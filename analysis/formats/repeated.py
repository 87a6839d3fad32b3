"""Tensors of a file that are one tensor under two names: tied weights."""

from collections.abc import Mapping
from typing import TypeGuard

from analysis.formats.stored import Array, Stored

COMPARED = ("lm_head", "embed_out", "embed_tokens", "wte", "word_embeddings", "tok_embeddings", "shared", "decoder")
FIRST = 4096  # bytes that are looked at first: all but all tensors differ in them


def repeated(tensors: Mapping[str, Array]) -> dict[str, str]:
    """Each name whose tensor stands under an earlier name too → that name.

    Two names of one storage are one tensor. Of copies only embeddings and heads are compared, the ones that models tie;
    others with equal numbers may be equal by their start.
    """
    first: dict[object, str] = {}
    repeats: dict[str, str] = {}
    candidates: list[str] = []
    for name, tensor in sorted(tensors.items(), key=lambda pair: _is_head(pair[0])):
        place = _place(tensor)
        if tensor.size and (earlier := first.setdefault(place, name)) != name:
            repeats[name] = earlier
        elif len(tensor.shape) == 2 and any(word in COMPARED for word in name.split(".")[-2:]):
            copy = next((other for other in candidates if tensor.nbytes and is_equal(tensors[other], tensor)), None)
            if copy is not None:
                repeats[name] = copy
            candidates.append(name)
    return repeats


def _place(array: Array) -> object:
    """Where its numbers lie; what is put together first is known by its parts."""
    if not isinstance(array, Stored):
        return array
    return array.path, array.start, array.shape, array.dtype, array.strides


def _is_head(name: str) -> bool:
    """Of a tied pair the embedding is the one that is analysed."""
    return not {"lm_head", "embed_out", "decoder", "head"}.isdisjoint(name.split(".")[-2:])


def is_equal(one: Array, other: Array) -> bool:
    """Whether two tensors have the same shape, dtype and values, to the bit."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    if _is_plain(one) and _is_plain(other) and _start(one) != _start(other):
        return False
    return all(bool((a == b).all()) for a, b in zip(one.chunks(), other.chunks(), strict=True))


def _is_plain(array: Array) -> TypeGuard[Stored]:
    return isinstance(array, Stored) and array.strides is None


def _start(stored: Stored) -> bytes:
    with stored.path.open("rb") as file:
        file.seek(stored.start)
        return file.read(min(FIRST, stored.nbytes))
