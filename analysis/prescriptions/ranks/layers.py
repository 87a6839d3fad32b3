"""The matrices of a checkpoint whose ranks are chosen: those inside its blocks, or all where it has no blocks."""

from dataclasses import dataclass

import numpy as np

from analysis.engine.reading import read_weights
from analysis.errors import TensorError, UnmeasuredLayer
from analysis.prescriptions.members import Members
from analysis.runtime.shapes import Float64
from analysis.weight import WeightInfo


@dataclass(frozen=True)
class Layer:
    """A matrix by its singular values, descending."""

    info: WeightInfo
    values: Float64[np.ndarray, " k"]
    rows: int
    columns: int
    dequantised: bool = False

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def sides(self) -> int:
        """Parameters of one direction, m + n."""
        return self.rows + self.columns


def read_layers(members: Members) -> list[Layer]:
    """In the order of the file. Raises UnmeasuredLayer where one holds NaN: a missing layer would shift the others."""
    members.check_whole()
    layers = []
    checkpoint = members.checkpoint()
    has_blocks = any(info.depth is not None and info.skip is None for info in checkpoint.tensors)
    for weight in read_weights(checkpoint, members.progress):
        if has_blocks and weight.info.depth is None:
            continue
        try:
            values = weight.singular_values.cpu().numpy()
        except TensorError as error:
            raise UnmeasuredLayer(error.message) from error
        rows, columns = weight.matrix.shape
        layers.append(Layer(weight.info, values, rows, columns, weight.grid is not None))
    if not layers:
        raise UnmeasuredLayer("it holds no matrix whose rank could be chosen: give the file with the model's weights")
    return layers
