"""Heads that are tied to an embedding in the base and have weights of their own in a tuned checkpoint.

The base has one tensor for both. What the tuned checkpoint has for the head is compared with it as a head, in a row of
its own beside the embedding's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from analysis.adapters.names import AdaptedModule
from analysis.names import role_of
from analysis.tensors.matching.partners import Partner, Source
from analysis.weight import TensorInfo


def find_head(sources: Mapping[str, Source], embedding: TensorInfo, adapter: bool, taken: Iterable[str]) -> str | None:
    """The name of the one head among these, where it is to be compared with the embedding that the base ties it to.

    Of a whole model that keeps a head alone, the embedding is tied to it there too: that is no head of its own.
    """
    taken_names = set(taken)
    heads = [name for name, source in sources.items() if _is_head(name, source, embedding)]
    free = [name for name in heads if name not in taken_names]
    if len(heads) != 1 or not free:
        return None
    has_embedding = any(
        isinstance(s, TensorInfo) and s.role == "embedding" and s.skip is None for s in sources.values()
    )
    return free[0] if adapter or has_embedding else None


def _is_head(name: str, source: Source, embedding: TensorInfo) -> bool:
    if not isinstance(source, TensorInfo):
        return role_of(name) == "head" and not source.whole
    tall = len(source.shape) == 2 and source.shape[0] > source.shape[1]
    return tall and source.skip is None and source.role == "head" and source.shape[1] == embedding.shape[1]


def head_of(embedding: TensorInfo, name: str) -> TensorInfo:
    """The base's embedding as the head that it also is."""
    return replace(embedding, weight=name, role="head", depth=None)


def left_as_it_is(embedding: TensorInfo) -> Partner:
    """An adapter that changes the head alone leaves the embedding as it is."""
    return Partner(AdaptedModule(embedding.called, ()))
