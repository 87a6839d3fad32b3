"""The matrices of one checkpoint, or of several that lie on each other, one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from analysis.checkpoint import OpenCheckpoint, grid_of
from analysis.diagnostic import Scope
from analysis.engine.comparison import Comparison, read_held
from analysis.engine.pieces import Family, Held, pieces
from analysis.tensors.matrices import weights
from analysis.weight import TensorInfo, Weight, WeightInfo

Progress = Callable[[TensorInfo], None]


def read_weights(checkpoint: OpenCheckpoint, progress: Progress | None = None) -> Iterator[Weight]:
    """Every matrix of a checkpoint, one tensor in memory at a time; `progress` hears of each tensor before the next."""
    for info in checkpoint.tensors:
        if info.skip is None:
            yield from weights(info, checkpoint.read(info.name), grid_of(checkpoint, info))
        if progress is not None:
            progress(info)


@dataclass(frozen=True)
class Matrices:
    """One matrix of the base and of every tuned checkpoint, in their order, or the reason why it cannot be compared."""

    planned: WeightInfo  # the base's
    weights: tuple[Weight, ...] | str

    @property
    def reason(self) -> str | None:
        return self.weights if isinstance(self.weights, str) else None


def read_matrices(run: Comparison, positions: tuple[int, ...], progress: Progress | None = None) -> Iterator[Matrices]:
    """Every matrix of the base that some checkpoint at these positions has, with the rows that all of them have.

    Positions start with 0, the base. Where one lacks the tensor, or its values are no numbers, a reason comes instead.
    """
    for row in run.alignment.rows:
        partners = [row.partners[position - 1] for position in positions if position]
        if any(partners):
            base = run.checkpoints[0].read(row.base.name)
            tensors: dict[int, Held | str] = {0: Held(base, grid=grid_of(run.checkpoints[0], row.base))}
            for position in positions:
                if position:
                    has_partner = row.partners[position - 1] is not None
                    tensors[position] = (
                        read_held(run, row, position, base) if has_partner else "it does not have this tensor"
                    )
            for piece in pieces(row.base, tensors, run.names):
                yield Matrices(piece.planned, Family(piece.weights, run.names).group(Scope.UPDATES, positions))
        if progress is not None:
            progress(row.base)
