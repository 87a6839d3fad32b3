"""Tensors that one checkpoint stores fused and another apart: experts, and gate and up."""

from dataclasses import replace
from itertools import islice

from analysis.adapters import AdaptedModule, Adapter
from analysis.checkpoint import OpenCheckpoint
from analysis.engine.pieces import Held
from analysis.errors import TensorError
from analysis.layout import Layout
from analysis.runtime.pytorch import Tensor, torch
from analysis.tensors.matching.partners import Partner
from analysis.tensors.matrices import matrices, weights
from analysis.weight import Factors, TensorInfo, Weight


def change_pieces(adapter: Adapter, info: TensorInfo, base: Tensor, partner: Partner) -> Held:
    """The base's fused tensor with some of its matrices changed one by one. Raises AdapterError where none fits."""
    stack = base.to(torch.promote_types(base.dtype, torch.float32), copy=True).contiguous()
    parts: list[Factors | str | None] = [None] * len(matrices(info))
    errors: list[TensorError] = []
    changes = dict(partner.changes)
    for place, weight in enumerate(weights(info, stack)):
        if place in changes:
            try:
                parts[place] = _change_piece(adapter, changes[place], info, weight)
            except TensorError as error:
                errors.append(error)
                parts[place] = error.message
    if len(errors) == len(changes):
        raise errors[0]
    return Held(stack, merged=True, parts=tuple(parts))


def _change_piece(adapter: Adapter, module: AdaptedModule, info: TensorInfo, weight: Weight) -> Factors | None:
    """Writes the changed matrix in the place of the base's; the factors of the update, where they are known."""
    rows, columns = weight.matrix.shape
    piece = replace(info, name=weight.info.name, shape=(rows, columns), layout=Layout.MATRIX, transposed=False)
    tuned = adapter.tuned(module, piece, weight.matrix.contiguous())
    weight.slices[0].copy_(tuned.tensor)
    return tuned.factors


def read_apart(checkpoint: OpenCheckpoint, base: TensorInfo, partner: Partner) -> Held:
    """A matrix out of a fused tensor, or the matrices of several tensors fused as the base has them."""
    if partner.stacked:
        tensors = [checkpoint.read(info.name) for info in partner.stacked]
        stack = torch.empty(base.shape, dtype=tensors[0].dtype)
        for weight, info, tensor in zip(weights(base, stack), partner.stacked, tensors, strict=True):
            weight.slices[0].copy_(next(weights(info, tensor)).slices[0])
        return Held(stack)
    assert isinstance(partner.source, TensorInfo), "an adapter's change is whole"
    part = next(islice(weights(partner.source, checkpoint.read(partner.source.name)), partner.piece, None))
    matrix = part.slices[0].mT if base.transposed else part.slices[0]
    return Held(matrix.contiguous())
