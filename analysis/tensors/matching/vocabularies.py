"""Embeddings and heads: one tensor in a model whose head is tied."""

from collections.abc import Mapping, Sequence

from analysis.tensors.matching.partners import Source
from analysis.weight import TensorInfo

TIED = ("embedding", "head")  # one tensor in a model whose head is tied


def tie(
    sources: Mapping[str, Source], targets: Mapping[str, TensorInfo], paired: Mapping[str, str]
) -> Mapping[str, str]:
    """A tied head and embedding are one tensor, of which a file may keep either name."""
    ours, theirs = _vocabularies(sources), _vocabularies(targets)
    if len(ours) != 1 or len(theirs) != 1 or ours[0].role == theirs[0].role:
        return {}
    name = next(name for name, source in sources.items() if source is ours[0])
    free = name not in paired and theirs[0].called not in paired.values()
    return {name: theirs[0].called} if free and ours[0].shape == theirs[0].shape else {}


def _vocabularies(held: Mapping[str, Source] | Mapping[str, TensorInfo]) -> list[TensorInfo]:
    """The embeddings and heads with a row for each word."""
    return [source for source in held.values() if isinstance(source, TensorInfo) and is_vocabulary(source)]


def is_vocabulary(info: TensorInfo) -> bool:
    """Whether an embedding or a head has more rows, words, than columns."""
    tall = len(info.shape) == 2 and info.shape[0] > info.shape[1]
    return tall and info.skip is None and info.role in TIED


def find_embedding(base: Sequence[TensorInfo]) -> TensorInfo | None:
    """The word embedding, where there is one."""
    matches = [info for info in _vocabularies({info.name: info for info in base}) if info.role == "embedding"]
    return matches[0] if len(matches) == 1 else None


def find_tied_embedding(base: Sequence[TensorInfo]) -> TensorInfo | None:
    """The same, where no head of its own is beside it."""
    return find_embedding(base) if len(_vocabularies({info.name: info for info in base})) == 1 else None
