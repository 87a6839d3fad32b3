"""A tensor seen as one or more m × n matrices: the thing that diagnostics look at.

m rows are outputs and n columns are inputs, whatever the file's own orientation (see docs/notation.md).
`TensorInfo` says what a file holds, `matrices` plans the weights in it without reading it, and a `Weight` is one
of them with its numbers, sharing one decomposition among all diagnostics.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from analysis.errors import TensorError, shown
from analysis.names import label_of
from analysis.spectrum import Spectrum, decompose


class Layout(StrEnum):
    """How matrices lie in a tensor. The members of a stack and the halves of a matrix are weights of their own."""

    NONE = "none"
    MATRIX = "matrix"  # (m, n)
    HALVES = "halves"  # gate over up, on the outputs
    LSTM = "lstm"  # four gates on the outputs
    GRU = "gru"  # three gates on the outputs
    KERNEL = "kernel"  # (m, n, *positions) of a convolution
    STACK = "stack"  # (members, ., .)
    STACK_HALVES = "stack-halves"
    STACK_PAIRS = "stack-pairs"  # gate and up alternate on the outputs


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A named array in a checkpoint, known from its header alone.

    `skip` is None where the tensor holds at least one matrix, and otherwise the reason why it does not, in words.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str  # "float32", "bfloat16", "int8", …: torch's name without "torch."
    nbytes: int
    role: str  # one of analysis.names.ROLES
    depth: int | None  # index of the block, None outside the blocks
    skip: str | None
    transposed: bool = False  # its matrices are stored (in, out)
    layout: str = Layout.MATRIX  # a Layout

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count


@dataclass(frozen=True, slots=True)
class WeightInfo:
    """One weight of a tensor before it is read: where it lies and what it will cost."""

    name: str  # the tensor's, with the expert or gate where one tensor holds several
    tensor: str
    rows: int  # m, outputs
    columns: int  # n, inputs
    slices: int  # 1, or the kernel positions of a convolution, whose spectra are pooled
    role: str
    depth: int | None

    @property
    def label(self) -> str:
        """What a reader calls it: "Block 4 · value"."""
        return label_of(self.name, self.role, self.depth)

    @property
    def cost(self) -> float:
        """Predicted work, in multiply-adds: the Gram matrix of the smaller side and its eigenvalues."""
        small, large = sorted((self.rows, self.columns))
        return float(self.slices) * small * small * (large + 4.0 * small)


@dataclass(frozen=True)
class Weight:
    """A weight with its numbers. `slices` holds one matrix, or one for each kernel position of a convolution."""

    info: WeightInfo
    slices: Float[Tensor, "s m n"]

    @cached_property
    def spectrum(self) -> Spectrum:
        """Its singular values, found once. Raises TensorError, naming the weight."""
        try:
            return decompose(self.slices)
        except TensorError as error:
            raise type(error)(f"{shown(self.info.name)}: {error}") from error
