"""The checkpoints of a run and how they lie on each other, as records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from analysis.attention import Facts
from analysis.tensors.matching.partners import Partner
from analysis.weight import TensorInfo


@dataclass(frozen=True, slots=True)
class Member:
    """A checkpoint of a run, as its headers tell: position 0 is the base of all others."""

    kind: Literal["model", "adapter"]
    tensors: Sequence[TensorInfo]
    facts: Facts = field(default_factory=dict)  # that its files state


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
