"""What has no partner on either side, each with its reason."""

from collections.abc import Collection, Mapping, Sequence

from analysis.adapters.names import shared_tensors
from analysis.errors import escape
from analysis.tensors.matching.alignment import Member, Unmatched
from analysis.tensors.matching.partners import Partner, Source
from analysis.tensors.matching.vocabularies import find_embedding, is_vocabulary
from analysis.weight import TensorInfo


def unmatched_sources(
    member: Member,
    sources: Mapping[str, Source],
    used: Collection[Partner],
    why: Mapping[str, str],
    base: Sequence[TensorInfo],
) -> tuple[Unmatched, ...]:
    """The tuned checkpoint's tensors without a partner; of a whole model, only those that hold a matrix."""
    used_tensors = {tensor for partner in used for tensor in partner.tensors}
    reasons = {
        tensor: why.get(name) or _stranger(source, base)
        for name, source in sources.items()
        for tensor in Partner(source).tensors
    }
    if member.kind == "adapter":
        used_tensors.update(shared_tensors(info.name for info in member.tensors))
    own = [info for info in member.tensors if info.name not in used_tensors]
    return tuple(
        Unmatched(info.name, reasons.get(info.name, "no change of a weight"))
        for info in own
        if info.skip is None or member.kind == "adapter"
    )


def _stranger(source: Source, base: Sequence[TensorInfo]) -> str:
    if (packed := _packed_in_base(source, base)) is not None:
        return f"left out in the base: {packed}"
    if not isinstance(source, TensorInfo):
        return f"changes {escape(source.name)}, which the base does not have"
    if source.role == "head" and is_vocabulary(source) and (embedding := find_embedding(base)):
        return f"the base has no head of its own: there it is tied to {escape(embedding.name)}"
    return source.skip or "not in the base"


def _packed_in_base(source: Source, base: Sequence[TensorInfo]) -> str | None:
    """Why the base's weight of that layer is not read, where it is packed under other names ("….codes")."""
    layer = source.name.removesuffix(".weight")
    found = (info.skip for info in base if info.skip and "packed quantised" in info.skip and _is_of(info, layer))
    return next(found, None)


def _is_of(info: TensorInfo, layer: str) -> bool:
    return f".{info.name.rpartition('.')[0]}".endswith(f".{layer}")


def unmatched_targets(
    base: Sequence[TensorInfo], partners: Mapping[str, Partner], why: Mapping[str, str], member: Member
) -> tuple[Unmatched, ...]:
    rest = [info for info in base if info.skip is None and info.called not in partners]
    return tuple(Unmatched(info.name, why.get(info.called) or _absent(info, base, partners, member)) for info in rest)


def _absent(info: TensorInfo, base: Sequence[TensorInfo], partners: Mapping[str, Partner], member: Member) -> str:
    if member.kind == "adapter":
        return "left as it is by the adapter"
    embedding = find_embedding(base)
    if info.role == "head" and is_vocabulary(info) and embedding and embedding.called in partners:
        return f"not in this checkpoint, whose head is tied to {escape(embedding.name)}"
    return "not in this checkpoint"
