"""Experts, and gate and up, that one checkpoint stores in one tensor and another apart: who belongs to whom."""

from collections.abc import Iterable, Mapping
from operator import itemgetter

from analysis.adapters.names import AdaptedModule, update_sides
from analysis.layout import Layout
from analysis.tensors.matching.partners import Partner
from analysis.tensors.matrices import matrices
from analysis.tensors.prefixes import pair_names
from analysis.weight import TensorInfo

FUSED = (Layout.STACK, Layout.STACK_HALVES, Layout.STACK_PAIRS, Layout.HALVES)
Piece = tuple[TensorInfo, int]  # a tensor, and which of its matrices


def pieces_of(infos: Iterable[TensorInfo]) -> dict[str, Piece]:
    """Every matrix of the fused tensors by the name that it has where it is stored by itself."""
    pieces: dict[str, Piece] = {}
    for info in infos:
        if info.layout in FUSED:
            for place, plan in enumerate(matrices(info)):
                pieces[f"{plan.name.removesuffix('.weight')}.weight"] = info, place
    return pieces


def fused_partners(ours: Mapping[str, TensorInfo], theirs: Mapping[str, TensorInfo]) -> dict[str, Partner]:
    """Partners of the base's tensors, `theirs`, among those of a tuned checkpoint that found none otherwise, `ours`."""
    return {**_pair_fused_tuned(ours, theirs), **_pair_fused_base(ours, theirs)}


def _pair_fused_tuned(ours: Mapping[str, TensorInfo], theirs: Mapping[str, TensorInfo]) -> dict[str, Partner]:
    """Fused in the tuned checkpoint, apart in the base."""
    pieces = pieces_of(ours.values())
    pairing = pair_names(pieces, theirs, lambda a, b: _fits(pieces[a], theirs[b]))
    return {
        target: Partner(pieces[name][0], piece=pieces[name][1])
        for name, target in pairing.partners.items()
        if _fits(pieces[name], theirs[target])
    }


def _pair_fused_base(ours: Mapping[str, TensorInfo], theirs: Mapping[str, TensorInfo]) -> dict[str, Partner]:
    """Fused in the base, apart in the tuned checkpoint: of each tensor all matrices have to be there."""
    pieces = pieces_of(theirs.values())
    pairing = pair_names(ours, pieces, lambda a, b: _fits(pieces[b], ours[a]))
    by_fused: dict[str, dict[int, TensorInfo]] = {}
    for name, target in pairing.partners.items():
        info, place = pieces[target]
        if _fits(pieces[target], ours[name]):
            by_fused.setdefault(info.called, {})[place] = ours[name]
    return {
        target: Partner(members[0], stacked=tuple(members[place] for place in sorted(members)))
        for target, members in by_fused.items()
        if len(members) == len(matrices(theirs[target]))
    }


def fused_changes(
    ours: Mapping[str, AdaptedModule], theirs: Mapping[str, TensorInfo], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Partner]:
    """Partners of the base's fused tensors, `theirs`: an adapter's changes of single experts, or of gate or up."""
    pieces = pieces_of(theirs.values())
    pairing = pair_names(ours, pieces, lambda a, b: _may_change(ours[a], pieces[b], shapes), text_first=True)
    by_fused: dict[str, dict[int, AdaptedModule]] = {}
    for name, target in pairing.partners.items():
        info, place = pieces[target]
        by_fused.setdefault(info.called, {})[place] = ours[name]
    return {
        target: Partner(next(iter(changes.values())), changes=tuple(sorted(changes.items(), key=itemgetter(0))))
        for target, changes in by_fused.items()
    }


def _may_change(module: AdaptedModule, piece: Piece, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    plan = matrices(piece[0])[piece[1]]
    return update_sides(module, shapes) in (None, (plan.rows, plan.columns))


def _fits(piece: Piece, info: TensorInfo) -> bool:
    plan = matrices(piece[0])[piece[1]]
    return (
        info.layout == Layout.MATRIX
        and matrices(info)[0].rows == plan.rows
        and (matrices(info)[0].columns == plan.columns)
    )
