"""One tuned checkpoint against its base: what is paired, and why the rest is not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.adapters.makes import flattened, unflattened
from analysis.adapters.names import AdaptedModule, modules
from analysis.errors import escape
from analysis.tensors.matching.alignment import Member, Unmatched
from analysis.tensors.matching.differences import (
    difference,
    differs_in_orientation,
    emptiness,
    is_transposed,
    may_change,
)
from analysis.tensors.matching.expert_adapters import change_of_stack, expert_partners, is_of_experts
from analysis.tensors.matching.fused import fused_changes, fused_partners
from analysis.tensors.matching.partners import Partner, Source
from analysis.tensors.matching.reasons import unmatched_sources, unmatched_targets
from analysis.tensors.matching.tied import find_head, left_as_it_is
from analysis.tensors.matching.vocabularies import find_tied_embedding, tie
from analysis.tensors.prefixes import pair_names
from analysis.weight import TensorInfo


@dataclass(frozen=True, slots=True)
class Match:
    """One tuned checkpoint against the base: its partner of each base tensor, and what is left on either side."""

    partners: Mapping[str, Partner]
    unmatched: tuple[Unmatched, ...]
    missing: tuple[Unmatched, ...]
    head: tuple[str, Partner] | None = None  # a head of its own, where the base's is tied to its embedding


def match(base_member: Member, member: Member, same_shape: bool) -> Match:
    base, blocks = base_member.tensors, base_member.facts.get("depth")
    targets = {info.called: info for info in base}
    sources, unclear = _sources(member, targets)
    shapes = {info.name: info.shape for info in member.tensors}
    layers = [source for source in sources.values() if isinstance(source, AdaptedModule) and is_of_experts(source)]
    of_experts = expert_partners(layers, targets, shapes)
    done_tensors = {partner.tensors for partner in of_experts.values()}
    sources = {name: source for name, source in sources.items() if Partner(source).tensors not in done_tensors}
    pairing = pair_names(
        sources,
        targets,
        lambda a, b: (
            difference(sources[a], targets[b], same_shape) is None and may_change(sources[a], targets[b], shapes)
        ),
        text_first=member.kind == "adapter",
        text_blocks=blocks if isinstance(blocks, int) else 0,
    )
    head = _own_head(base, member, sources, targets, pairing.partners)
    tied_pairs = {} if head else tie(sources, targets, pairing.partners)
    pairs = {name: to for name, to in {**pairing.partners, **tied_pairs}.items() if head is None or name != head[0]}
    partners: dict[str, Partner] = dict(of_experts)
    ours = unclear | {
        name: f"could be any of {', '.join(map(escape, could))}" for name, could in pairing.ambiguous.items()
    }
    theirs: dict[str, str] = {}
    is_turned = any(is_transposed(sources[a], targets[b]) for a, b in pairs.items())
    for name, to in pairs.items():
        source, target = sources[name], targets[to]
        if (problem := emptiness(source, shapes) or difference(source, target, same_shape)) is not None:
            ours[name] = theirs[to] = problem
        elif target.skip is not None:
            ours[name] = f"left out in the base: {target.skip}"
        else:
            changed = change_of_stack(source, target, shapes) if isinstance(source, AdaptedModule) else source
            partners[to] = Partner(changed, is_turned and differs_in_orientation(source, target))
    if member.kind == "model" and same_shape:
        free = {name: s for name, s in sources.items() if isinstance(s, TensorInfo) and _is_free(s, partners.values())}
        partners |= fused_partners(free, _unpaired(targets, partners))
    elif member.kind == "adapter":
        partners |= fused_changes(_free_modules(sources, partners.values()), _unpaired(targets, partners), shapes)
    embedding = find_tied_embedding(base)
    if head is not None and embedding is not None and member.kind == "adapter":
        partners.setdefault(embedding.called, left_as_it_is(embedding))
    leftovers = unmatched_sources(member, sources, [*partners.values(), *([head[1]] if head else [])], ours, base)
    return Match(partners, leftovers, unmatched_targets(base, partners, theirs, member), head)


def _is_free(info: TensorInfo, partners: Iterable[Partner]) -> bool:
    return info.skip is None and all(partner.source is not info for partner in partners)


def _free_modules(sources: Mapping[str, Source], found: Iterable[Partner]) -> dict[str, AdaptedModule]:
    """The changes of an adapter that found no partner."""
    taken = {name for partner in found for name in partner.tensors}
    modules = {name: source for name, source in sources.items() if isinstance(source, AdaptedModule)}
    return {name: module for name, module in modules.items() if not module.whole and taken.isdisjoint(module.tensors)}


def _unpaired(targets: Mapping[str, TensorInfo], found: Collection[str]) -> dict[str, TensorInfo]:
    """The base's tensors without a partner."""
    return {name: info for name, info in targets.items() if info.skip is None and name not in found}


def _own_head(
    base: Sequence[TensorInfo],
    member: Member,
    sources: Mapping[str, Source],
    targets: Mapping[str, TensorInfo],
    paired: Mapping[str, str],
) -> tuple[str, Partner] | None:
    """The head of a tuned checkpoint under the name that it has, where the base has none but its embedding."""
    embedding = find_tied_embedding(base)
    if embedding is None:
        return None
    taken_names = [name for name, to in paired.items() if not targets[to].same_as]
    name = find_head(sources, embedding, member.kind == "adapter", taken_names)
    return None if name is None else (name, Partner(sources[name]))


def _sources(member: Member, targets: Mapping[str, TensorInfo]) -> tuple[dict[str, Source], dict[str, str]]:
    """What a tuned checkpoint holds, by the names that it should be found under in the base, and what is ambiguous."""
    if member.kind == "model":
        return {info.called: info for info in member.tensors}, {}
    by_name = {info.name: info for info in member.tensors}
    sources: dict[str, Source] = {}
    unclear: dict[str, str] = {}
    flat = flattened(name for name, info in targets.items() if len(info.shape) > 1)
    for module in modules(by_name):
        could = unflattened(module.module, flat) if module.flat else []
        if len(could) > 1:
            unclear[module.name] = f"could be any of {', '.join(map(escape, could[:4]))}"
        name = could[0] if len(could) == 1 else module.name
        sources[name] = by_name[module.tensors[0]] if module.whole else module
    return sources, unclear
