"""Which tensor of a tuned checkpoint is which tensor of its base, from names and shapes alone.

`align` finds for every matrix of the base its partner in each other checkpoint, or says why there is none. Names may
differ in what stands in front (`analysis.tensors.prefixes`), tensors in dtype, orientation, the file that they lie in,
and, where a vocabulary was resized, in their rows.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeGuard

from analysis.adapters.makes import flattened, unflattened
from analysis.adapters.names import AdaptedModule, modules, shared_tensors, update_sides
from analysis.errors import WrongBase, escape
from analysis.layout import STACKS, Layout
from analysis.tensors.causes import why_nothing_belongs
from analysis.tensors.expert_adapters import expert_partners, is_of_experts
from analysis.tensors.fused import fused_partners
from analysis.tensors.partners import Partner, Source
from analysis.tensors.prefixes import pair_names
from analysis.tensors.tied import find_head, head_of, left_as_it_is
from analysis.weight import TensorInfo

RESIZED = ("embedding", "position", "head")  # roles whose rows a fine-tune may add to
TIED = ("embedding", "head")  # one tensor in a model whose head is tied
# what may be stored turned over
TURNABLE = (Layout.MATRIX, Layout.HALVES, Layout.HALVES_UP_FIRST, Layout.QKV, Layout.QKV_GROUPS, *STACKS)


@dataclass(frozen=True, slots=True)
class Member:
    """A checkpoint of a run, as its headers tell: position 0 is the base of all others."""

    kind: Literal["model", "adapter"]
    tensors: Sequence[TensorInfo]


@dataclass(frozen=True, slots=True)
class Aligned:
    """A tensor of the base that holds matrices, with its partner in each tuned checkpoint, in their order."""

    base: TensorInfo
    partners: tuple[Partner | None, ...]

    def at(self, position: int) -> TensorInfo:
        """How it lies in the checkpoint at this position: as in the base, where that is an adapter or has none."""
        partner = self.partners[position - 1] if position else None
        if partner is None or not partner.whole or not isinstance(partner.source, TensorInfo):
            return self.base
        return partner.source

    @property
    def largest(self) -> TensorInfo:
        """The base's tensor or, in a family, the widest of its partners."""
        return max((self.at(position) for position in range(1 + len(self.partners))), key=lambda info: info.size)


class Unmatched(NamedTuple):
    tensor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the checkpoints of a run lie on each other."""

    rows: tuple[Aligned, ...]  # in the base's order
    # for each tuned checkpoint: its own tensors without a partner, and the base's matrices without one in it
    unmatched: tuple[tuple[Unmatched, ...], ...] = ()
    missing: tuple[tuple[Unmatched, ...], ...] = ()

    def tensors_of(self, position: int) -> dict[str, str]:
        """The matched tensors of the checkpoint at this position, each with the base tensor that its rows speak of."""
        if position == 0:
            return {row.base.name: row.base.name for row in self.rows}
        pairs = ((row.base.name, row.partners[position - 1]) for row in self.rows)
        return {name: base for base, partner in pairs if partner is not None for name in partner.tensors}


def align(members: Sequence[Member], same_shape: bool = True) -> Alignment:
    """The base's matrices with their partners. Without `same_shape`, names decide alone: models of several widths.

    Raises WrongBase where the first checkpoint is an adapter.
    """
    base, *tuned = members
    if base.kind == "adapter":
        text = "is an adapter: the first checkpoint must be the whole model that the others come from"
        raise WrongBase(f"the first of {len(members)} checkpoints {text}", "base-is-adapter")
    found = [_match(base.tensors, member, same_shape) for member in tuned]
    rows = tuple(
        Aligned(info, tuple(match.partners.get(info.called) for match in found))
        for info in base.tensors
        if info.skip is None
    )
    rows += _head_rows(base.tensors, found)
    return Alignment(rows, tuple(match.unmatched for match in found), tuple(match.missing for match in found))


def _head_rows(base: Sequence[TensorInfo], found: "Sequence[_Match]") -> tuple[Aligned, ...]:
    """A row of its own for a head that the base ties to its embedding, where some tuned checkpoint has one."""
    name = next((match.head[0] for match in found if match.head), None)
    embedding = _tied_embedding(base)
    if name is None or embedding is None:
        return ()
    return (Aligned(head_of(embedding, name), tuple(match.head[1] if match.head else None for match in found)),)


def check_base(alignment: Alignment, names: Sequence[str]) -> None:
    """Raises WrongBase where no tensor of a tuned checkpoint has a partner; `names` are the checkpoints'."""
    for position, left in enumerate(alignment.unmatched, 1):
        if not any(row.partners[position - 1] for row in alignment.rows):
            raise WrongBase(*why_nothing_belongs(left, names[position], names[0]))


@dataclass(frozen=True, slots=True)
class _Match:
    """One tuned checkpoint against the base: its partner of each base tensor, and what is left on either side."""

    partners: Mapping[str, Partner]
    unmatched: tuple[Unmatched, ...]
    missing: tuple[Unmatched, ...]
    head: tuple[str, Partner] | None = None  # a head of its own, where the base's is tied to its embedding


def _match(base: Sequence[TensorInfo], member: Member, same_shape: bool) -> _Match:
    targets = {info.called: info for info in base}
    sources, unclear = _sources(member, targets)
    shapes = {info.name: info.shape for info in member.tensors}
    layers = [source for source in sources.values() if isinstance(source, AdaptedModule) and is_of_experts(source)]
    of_experts = expert_partners(layers, targets, shapes)
    placed = {partner.tensors for partner in of_experts.values()}
    sources = {name: source for name, source in sources.items() if Partner(source).tensors not in placed}
    pairing = pair_names(
        sources,
        targets,
        lambda a, b: (
            _difference(sources[a], targets[b], same_shape) is None and _may_change(sources[a], targets[b], shapes)
        ),
        text_first=member.kind == "adapter",
    )
    head = _own_head(base, member, sources, targets, pairing.partners)
    tied = {} if head else _tie(sources, targets, pairing.partners)
    pairs = {name: to for name, to in {**pairing.partners, **tied}.items() if head is None or name != head[0]}
    partners: dict[str, Partner] = dict(of_experts)
    ours = unclear | {
        name: f"could be any of {', '.join(map(escape, could))}" for name, could in pairing.ambiguous.items()
    }
    theirs: dict[str, str] = {}
    turned = any(_is_transposed(sources[a], targets[b]) for a, b in pairs.items())
    for name, to in pairs.items():
        source, target = sources[name], targets[to]
        if (why := _empty(source, shapes) or _difference(source, target, same_shape)) is not None:
            ours[name] = theirs[to] = why
        elif target.skip is not None:
            ours[name] = f"left out in the base: {target.skip}"
        else:
            partners[to] = Partner(source, turned and _differs_in_orientation(source, target))
    if member.kind == "model" and same_shape:
        free = {name: s for name, s in sources.items() if isinstance(s, TensorInfo) and _is_free(s, partners.values())}
        rest = {to: info for to, info in targets.items() if info.skip is None and to not in partners}
        partners |= fused_partners(free, rest)
    embedding = _tied_embedding(base)
    if head is not None and embedding is not None and member.kind == "adapter":
        partners.setdefault(embedding.called, left_as_it_is(embedding))
    left = _unmatched_sources(member, sources, [*partners.values(), *([head[1]] if head else [])], ours, base)
    return _Match(partners, left, _unmatched_targets(base, partners, theirs, member), head)


def _is_free(info: TensorInfo, partners: Iterable[Partner]) -> bool:
    return info.skip is None and all(partner.source is not info for partner in partners)


def _own_head(
    base: Sequence[TensorInfo],
    member: Member,
    sources: Mapping[str, Source],
    targets: Mapping[str, TensorInfo],
    paired: Mapping[str, str],
) -> tuple[str, Partner] | None:
    """The head of a tuned checkpoint under the name that it has, where the base has none but its embedding."""
    embedding = _tied_embedding(base)
    if embedding is None:
        return None
    taken = [name for name, to in paired.items() if not targets[to].same_as]
    name = find_head(sources, embedding, member.kind == "adapter", taken)
    return None if name is None else (name, Partner(sources[name]))


def _sources(member: Member, targets: Mapping[str, TensorInfo]) -> tuple[dict[str, Source], dict[str, str]]:
    """What a tuned checkpoint holds, by the names that it should be found under in the base, and what is ambiguous."""
    if member.kind == "model":
        return {info.called: info for info in member.tensors}, {}
    held = {info.name: info for info in member.tensors}
    found: dict[str, Source] = {}
    unclear: dict[str, str] = {}
    flat = flattened(name for name, info in targets.items() if len(info.shape) > 1)
    for module in modules(held):
        could = unflattened(module.module, flat) if module.flat else []
        if len(could) > 1:
            unclear[module.name] = f"could be any of {', '.join(map(escape, could[:4]))}"
        name = could[0] if len(could) == 1 else module.name
        found[name] = held[module.tensors[0]] if module.whole else module
    return found, unclear


def _difference(source: Source, target: TensorInfo, same_shape: bool) -> str | None:
    """Why the two are not the same tensor, by their headers; None where they may be."""
    if not isinstance(source, TensorInfo):
        return None  # its factors are checked against the base when they are multiplied
    if source.skip is not None and target.skip is None:
        return f"left out: {source.skip}"
    if not same_shape or source.shape == target.shape or _is_transposed(source, target) or _is_resized(source, target):
        return None
    return f"shape differs: {_extents(source)} against {_extents(target)} in the base"


def _empty(source: Source, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    if isinstance(source, TensorInfo):
        return None  # its own reason says so
    found = next((name for name in source.tensors if 0 in shapes[name]), None)
    return f"empty: its shape is {list(shapes[found])}" if found is not None else None


def _may_change(source: Source, target: TensorInfo, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the factors of an adapter's module have the sides of the target; True where they do not tell."""
    if isinstance(source, TensorInfo) or len(target.shape) < 2:
        return True
    sides = update_sides(source, shapes)
    if sides is None or target.role in RESIZED:
        return True
    straight = (target.shape[0], math.prod(target.shape[1:]))
    return sides == straight or (len(target.shape) == 2 and sides == straight[::-1])


def _extents(info: TensorInfo) -> str:
    return " × ".join(map(str, info.shape)) or "a single number"


def _is_transposed(source: Source, target: TensorInfo) -> bool:
    """Whether one is stored (in, out) and the other (out, in), as their shapes show."""
    if not _differs_in_orientation(source, target):
        return False
    *stack, rows, columns = target.shape
    return source.shape == (*stack, columns, rows) and rows != columns


def _differs_in_orientation(source: Source, target: TensorInfo) -> TypeGuard[TensorInfo]:
    return (
        isinstance(source, TensorInfo)
        and source.transposed != target.transposed
        and source.layout in TURNABLE
        and target.layout in TURNABLE
    )


def _is_resized(source: TensorInfo, target: TensorInfo) -> bool:
    """Whether an embedding has more or fewer rows. A head must be a vocabulary's, with more rows than columns."""
    if target.role not in RESIZED or len(source.shape) != 2 or len(target.shape) != 2:
        return False
    rows, columns = min(source.shape[0], target.shape[0]), target.shape[1]
    return source.shape[1] == columns and rows > 0 and (target.role != "head" or rows > columns)


def _tie(
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
    return [source for source in held.values() if isinstance(source, TensorInfo) and _is_vocabulary(source)]


def _is_vocabulary(info: TensorInfo) -> bool:
    """Whether an embedding or a head has more rows, words, than columns."""
    tall = len(info.shape) == 2 and info.shape[0] > info.shape[1]
    return tall and info.skip is None and info.role in TIED


def _unmatched_sources(
    member: Member,
    sources: Mapping[str, Source],
    used: Collection[Partner],
    why: Mapping[str, str],
    base: Sequence[TensorInfo],
) -> tuple[Unmatched, ...]:
    """The tuned checkpoint's tensors without a partner; of a whole model, only those that hold a matrix."""
    taken = {tensor for partner in used for tensor in partner.tensors}
    reasons = {
        tensor: why.get(name) or _stranger(source, base)
        for name, source in sources.items()
        for tensor in Partner(source).tensors
    }
    if member.kind == "adapter":
        taken.update(shared_tensors(info.name for info in member.tensors))
    own = [info for info in member.tensors if info.name not in taken]
    return tuple(
        Unmatched(info.name, reasons.get(info.name, "no change of a weight"))
        for info in own
        if info.skip is None or member.kind == "adapter"
    )


def _stranger(source: Source, base: Sequence[TensorInfo]) -> str:
    if not isinstance(source, TensorInfo):
        return f"changes {escape(source.name)}, which the base does not have"
    if source.role == "head" and _is_vocabulary(source) and (held := _embedding(base)):
        return f"the base has no head of its own: there it is tied to {escape(held.name)}"
    return source.skip or "not in the base"


def _unmatched_targets(
    base: Sequence[TensorInfo], partners: Mapping[str, Partner], why: Mapping[str, str], member: Member
) -> tuple[Unmatched, ...]:
    held = [info for info in base if info.skip is None and info.called not in partners]
    return tuple(Unmatched(info.name, why.get(info.called) or _absent(info, base, partners, member)) for info in held)


def _absent(info: TensorInfo, base: Sequence[TensorInfo], partners: Mapping[str, Partner], member: Member) -> str:
    if member.kind == "adapter":
        return "left as it is by the adapter"
    embedding = _embedding(base)
    if info.role == "head" and _is_vocabulary(info) and embedding and embedding.called in partners:
        return f"not in this checkpoint, whose head is tied to {escape(embedding.name)}"
    return "not in this checkpoint"


def _embedding(base: Sequence[TensorInfo]) -> TensorInfo | None:
    """The word embedding, where there is one."""
    found = [info for info in _vocabularies({info.name: info for info in base}) if info.role == "embedding"]
    return found[0] if len(found) == 1 else None


def _tied_embedding(base: Sequence[TensorInfo]) -> TensorInfo | None:
    """The same, where no head of its own is beside it."""
    return _embedding(base) if len(_vocabularies({info.name: info for info in base})) == 1 else None
