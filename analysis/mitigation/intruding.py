"""The intruders of a tuned checkpoint, matrix by matrix, with the change that scales them by λ."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from analysis.diagnostic import Scope
from analysis.diagnostics.intruders.leading import leading
from analysis.diagnostics.intruders.rule import match
from analysis.diagnostics.update.origin import cosine
from analysis.engine.comparison import Comparison, read_held
from analysis.engine.device import on_devices
from analysis.engine.pieces import Family, Held, Piece, pieces
from analysis.errors import TensorError
from analysis.mitigation.formula import change
from analysis.mitigation.options import MitigationOptions
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Bool, Int64
from analysis.tensors.matching import Aligned
from analysis.weight import Factors, Weight, WeightInfo


@dataclass(frozen=True)
class Intruding:
    """The intruders of one matrix. `change`: what is to be added to the tuned matrix, None where nothing is."""

    weight: WeightInfo
    count: int | None  # by the authors' rule, on the left side; None where it could not be had
    change: Factors | None = None
    note: str | None = None
    cosine: float | None = None  # of base and tuned, as origin has it; None where one is zero or could not be had


def intruding(
    comparison: Comparison, aligned: Aligned, recipe: MitigationOptions, device: str = "cpu"
) -> list[Intruding]:
    """Every matrix of one tensor of the base, compared with the tuned checkpoint at position 1."""
    base = comparison.checkpoints[0].read(aligned.base.name)
    tensors = {0: Held(base), 1: read_held(comparison, aligned, 1, base)}
    matrices = pieces(aligned.base, tensors, comparison.names)
    return [on_devices(device, piece.weights, partial(_of_piece, piece, recipe)) for piece in matrices]


def _of_piece(piece: Piece, recipe: MitigationOptions, weights: Mapping[int, Weight | str]) -> Intruding:
    pair = Family(weights, piece.names).group(Scope.PAIR, (0, 1))
    if isinstance(pair, str):
        return Intruding(piece.planned, None, note=pair)
    base, tuned = pair
    try:
        return _of_pair(base, tuned, recipe)
    except TensorError as error:
        return Intruding(piece.planned, None, note=error.message)


def _of_pair(base: Weight, tuned: Weight, recipe: MitigationOptions) -> Intruding:
    """By the rule of the `intruders` diagnostic (analysis.diagnostics.intruders.rule), strongest first."""
    likeness = cosine(base.matrix, tuned.matrix)
    first = leading(tuned, recipe.k).triplets
    matches = match(base.axes, first, "left")
    intruders = _places(matches.intruders(recipe.k, recipe.epsilon))
    selection = _places(matches.guarded_intruders(recipe.k, recipe.epsilon)) if recipe.only == "guarded" else intruders
    selection = selection[:1] if recipe.only == "strongest" else selection
    if not len(selection):
        return Intruding(base.info, len(intruders), cosine=likeness)
    update = change(tuned.matrix, first.left[:, selection], recipe.factor)
    return Intruding(base.info, len(intruders), Factors(update.left.cpu(), update.right.cpu()), cosine=likeness)


def _places(which: Bool[Tensor, " k"]) -> Int64[Tensor, " i"]:
    """Where it is true."""
    return torch.nonzero(which).flatten()
