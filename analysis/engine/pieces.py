"""One tensor of a base in every checkpoint of a run, cut into matrices that belong together and measured together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.diagnostic import Request, Row, Scope, absent, measure
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Int
from analysis.tensors.matrices import matrices, outputs, weights
from analysis.weight import Factors, Grid, TensorInfo, Weight, WeightInfo

Group = tuple[int, ...]


@dataclass(frozen=True)
class Held:
    """What a checkpoint holds of one tensor, in the base's layout and orientation.

    It may have more or fewer rows. In a family all sides may differ: then `info` says how it lies.
    """

    tensor: Tensor
    factors: Factors | None = None  # of the update in whole, where it is a product
    info: TensorInfo | None = None  # the checkpoint's own
    grid: Grid | None = None  # of a dequantised tensor
    merged: bool = False  # the base plus an adapter's change
    # of each of its matrices the factors of the update, or why it cannot be had, where they are known one by one
    parts: tuple[Factors | str | None, ...] = ()


@dataclass(frozen=True)
class Piece:
    """One matrix of the tensor in each checkpoint of the run, by position, or the reason why it cannot be had there."""

    planned: WeightInfo  # the base's
    weights: Mapping[int, Weight | str]
    names: Sequence[str]  # of the run's checkpoints

    def measure(
        self, asked: Sequence[tuple[Request, Group]], weights: Mapping[int, Weight | str]
    ) -> list[tuple[str, Row]]:
        """A row for each request and group. `weights` are the piece's own, wherever they were moved to."""
        family = Family(weights, self.names)
        return [(request.diagnostic.name, self._row(family, request, group)) for request, group in asked]

    def _row(self, family: "Family", request: Request, group: Group) -> Row:
        members = family.group(request.diagnostic.scope, group)
        if isinstance(members, str):
            return Row(self.planned, group, absent(request.diagnostic, members))
        return Row(members[0].info, group, measure(request, members))


class Family:
    """The same matrix in several checkpoints. Groups get the very same objects, so that they share what is derived."""

    def __init__(self, weights: Mapping[int, Weight | str], names: Sequence[str]) -> None:
        self._weights, self._names = weights, names
        self._cut: dict[tuple[int, int], Weight] = {}
        self._wrong: dict[int, int] = {}

    def group(self, scope: Scope, positions: Group) -> tuple[Weight, ...] | str:
        """The weights at these positions, or why they cannot be looked at together."""
        members: list[Weight] = []
        for position in positions:
            weight = self._weights[position]
            if isinstance(weight, str):
                return f"{self._names[position]}: {weight}"
            members.append(weight)
        if len(members) == 1:
            return tuple(members)
        return self._fault(positions, members) or (
            tuple(members) if scope is Scope.FAMILY else self._common_weights(positions, members)
        )

    def _fault(self, positions: Group, found: Sequence[Weight]) -> str | None:
        """What is not finite: a decomposition of several would not say whose it is."""
        for position, weight in zip(positions, found, strict=True):
            if position not in self._wrong:
                self._wrong[position] = int((~torch.isfinite(weight.slices)).sum())
            if wrong := self._wrong[position]:
                total = weight.slices.numel()
                return f"{self._names[position]}: {wrong:,} of {total:,} values are NaN or infinite"
        return None

    def _common_weights(self, positions: Group, found: Sequence[Weight]) -> tuple[Weight, ...] | str:
        """The weights with the rows that all of them have: a vocabulary may have grown."""
        shapes = [weight.slices.shape for weight in found]
        if len({(shape[0], shape[2]) for shape in shapes}) > 1:
            return "the shapes differ: " + ", ".join(f"{shape[1]} × {shape[2]}" for shape in shapes)
        rows = min(shape[1] for shape in shapes)
        return tuple(self._with_rows(position, rows) for position in positions)

    def _with_rows(self, position: int, rows: int) -> Weight:
        weight = self._weights[position]
        assert isinstance(weight, Weight), "a group is all weights"
        base = None if position == 0 else self._with_rows(0, rows)
        if weight.slices.shape[1] == rows and weight.base is base:
            return weight
        if (position, rows) not in self._cut:
            factors = weight.factors and Factors(weight.factors.left[:rows], weight.factors.right)
            info = replace(weight.info, rows=rows)
            slices = weight.slices[:, :rows]
            self._cut[position, rows] = replace(weight, info=info, numbers=slices, base=base, factors=factors)
        return self._cut[position, rows]


def pieces(base: TensorInfo, held: Mapping[int, Held | str], names: Sequence[str]) -> Iterator[Piece]:
    """The matrices of a tensor, one after the other, each in every checkpoint; position 0 is the base."""
    cut = {index: _cut(base, tensor) for index, tensor in held.items() if isinstance(tensor, Held)}
    for plan in matrices(base):
        members: dict[int, Weight | str] = {index: tensor for index, tensor in held.items() if isinstance(tensor, str)}
        for position, rest in cut.items():
            weight = next(rest, "it has fewer matrices in this tensor than the base")
            members[position] = weight
        yield Piece(plan, _attach_base(dict(sorted(members.items()))), names)


def _cut(base: TensorInfo, held: Held) -> Iterator[Weight | str]:
    """The weights of a held tensor under the base's names, each with its part of the factors."""
    shape = tuple(held.tensor.shape)
    lies = held.info if held.info is not None and shape != base.shape else base
    info = replace(
        base,
        shape=shape,
        transposed=lies.transposed,
        layout=lies.layout,
        groups=lies.groups,
        first=lies.first,
        axes=lies.axes,
    )
    for place, (weight, part) in enumerate(zip(weights(info, held.tensor, held.grid), outputs(info), strict=True)):
        factors = held.parts[place] if held.parts else _factors(weight, held.factors, part)
        yield factors if isinstance(factors, str) else replace(weight, factors=factors, merged=held.merged)


def _factors(weight: Weight, whole: Factors | None, part: slice | Int[np.ndarray, " r"] | None) -> Factors | None:
    """The factors of one matrix: its outputs of the left one. None where it is a member of a stack."""
    if whole is None or part is None:
        return None
    count, rows, columns = weight.slices.shape
    left = whole.left[part if isinstance(part, slice) else torch.from_numpy(part)]
    fits = len(left) == rows and whole.right.shape[1] == count * columns
    return Factors(left, whole.right) if fits else None


def _attach_base(found: Mapping[int, Weight | str]) -> dict[int, Weight | str]:
    """The same with every tuned weight knowing its base."""
    base = found[0]
    if isinstance(base, str):
        return dict(found)
    return {
        at: weight if at == 0 or isinstance(weight, str) else replace(weight, base=base) for at, weight in found.items()
    }
