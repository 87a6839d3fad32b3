"""What stands in a tuned checkpoint for a tensor of the base."""

from dataclasses import dataclass

from analysis.adapters.names import AdaptedModule
from analysis.weight import TensorInfo

Source = TensorInfo | AdaptedModule


@dataclass(frozen=True, slots=True)
class Partner:
    """A tensor, a piece of one, several that make one up, or an adapter's change to it."""

    source: Source
    turned: bool = False  # stored (in, out) where the base stores (out, in), or the other way round
    piece: int | None = None  # which of the source's matrices it is, where experts are apart in the base alone
    stacked: tuple[TensorInfo, ...] = ()  # the tensors of the base's matrices, where they are apart here alone
    changes: tuple[tuple[int, AdaptedModule], ...] = ()  # by place, of some of the base's matrices, in the same case

    @property
    def tensors(self) -> tuple[str, ...]:
        """The names in its own file that make it up."""
        if self.stacked:
            return tuple(info.name for info in self.stacked)
        if self.changes:
            return tuple(name for _, module in self.changes for name in module.tensors)
        return (self.source.name,) if isinstance(self.source, TensorInfo) else self.source.tensors

    @property
    def whole(self) -> bool:
        """Whether it is one tensor that lies as the base's, perhaps turned, or a change of one."""
        return self.piece is None and not self.stacked and not self.changes
