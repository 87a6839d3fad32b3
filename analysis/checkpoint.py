"""What the analysis needs of a checkpoint, whatever its format and wherever its tensors are stored."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import torch

    from analysis.diagnostic import Scalar
    from analysis.weight import Grid, TensorInfo


@runtime_checkable
class OpenCheckpoint(Protocol):
    """A checkpoint whose headers have been read and checked. `read` gives a tensor on the CPU in its stored dtype.

    `load` gives the same as an array of NumPy.
    """

    @property
    def format(self) -> str: ...
    @property
    def kind(self) -> Literal["model", "adapter"]: ...
    @property
    def tensors(self) -> "tuple[TensorInfo, ...]": ...
    @property
    def facts(self) -> "Mapping[str, Scalar]": ...
    def read(self, name: str) -> "torch.Tensor": ...
    def load(self, name: str) -> "np.ndarray": ...


def grid_of(checkpoint: OpenCheckpoint, info: "TensorInfo") -> "Grid | None":
    """The grid of a dequantised tensor; None where its values are stored as they are."""
    from analysis.weight import Grid

    step = getattr(checkpoint, "step", None)
    step_size = step(info.name) if step is not None and info.made else None
    return None if step_size is None else Grid(float(step_size), info.made)
