"""Experts, and gate and up, that one checkpoint stores in one tensor and another apart: who belongs to whom."""

from collections.abc import Iterable, Mapping

from analysis.layout import Layout
from analysis.tensors.matching.partners import Partner
from analysis.tensors.matrices import matrices
from analysis.tensors.prefixes import pair_names
from analysis.weight import TensorInfo

FUSED = (Layout.STACK, Layout.STACK_HALVES, Layout.STACK_PAIRS, Layout.HALVES)
Piece = tuple[TensorInfo, int]  # a tensor, and which of its matrices


def pieces_of(infos: Iterable[TensorInfo]) -> dict[str, Piece]:
    """Every matrix of the fused tensors by the name that it has where it is stored by itself."""
    found: dict[str, Piece] = {}
    for info in infos:
        if info.layout in FUSED:
            for place, planned in enumerate(matrices(info)):
                found[f"{planned.name.removesuffix('.weight')}.weight"] = info, place
    return found


def fused_partners(ours: Mapping[str, TensorInfo], theirs: Mapping[str, TensorInfo]) -> dict[str, Partner]:
    """Partners of the base's tensors, `theirs`, among those of a tuned checkpoint that found none otherwise, `ours`."""
    return {**_pair_fused_tuned(ours, theirs), **_pair_fused_base(ours, theirs)}


def _pair_fused_tuned(ours: Mapping[str, TensorInfo], theirs: Mapping[str, TensorInfo]) -> dict[str, Partner]:
    """Fused in the tuned checkpoint, apart in the base."""
    pieces = pieces_of(ours.values())
    found = pair_names(pieces, theirs, lambda a, b: _fits(pieces[a], theirs[b]))
    return {
        to: Partner(pieces[name][0], piece=pieces[name][1])
        for name, to in found.partners.items()
        if _fits(pieces[name], theirs[to])
    }


def _pair_fused_base(ours: Mapping[str, TensorInfo], theirs: Mapping[str, TensorInfo]) -> dict[str, Partner]:
    """Fused in the base, apart in the tuned checkpoint: of each tensor all matrices have to be there."""
    pieces = pieces_of(theirs.values())
    found = pair_names(ours, pieces, lambda a, b: _fits(pieces[b], ours[a]))
    apart: dict[str, dict[int, TensorInfo]] = {}
    for name, to in found.partners.items():
        info, place = pieces[to]
        if _fits(pieces[to], ours[name]):
            apart.setdefault(info.called, {})[place] = ours[name]
    return {
        to: Partner(held[0], stacked=tuple(held[place] for place in sorted(held)))
        for to, held in apart.items()
        if len(held) == len(matrices(theirs[to]))
    }


def _fits(piece: Piece, info: TensorInfo) -> bool:
    planned = matrices(piece[0])[piece[1]]
    return (
        info.layout == Layout.MATRIX
        and matrices(info)[0].rows == planned.rows
        and (matrices(info)[0].columns == planned.columns)
    )
