"""A tensor seen as one or more m × n matrices: the thing that diagnostics look at.

m rows are outputs and n columns are inputs, whatever the file's own orientation (see docs/notation.md).
`TensorInfo` says what a file holds, `matrices` plans the weights in it without reading it, and a `Weight` is one
of them with its numbers, sharing one decomposition among all diagnostics.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from analysis.cached import once
from analysis.errors import TensorError, escape
from analysis.layout import Layout
from analysis.linalg.reduction import Reduction, reduction
from analysis.linalg.spectrum import Spectrum, decompose
from analysis.linalg.triplets import Triplets, finite, product_triplets, triplets
from analysis.names import label_of
from analysis.runtime.arrays import Numbers, as_array, as_tensor
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64

Found = TypeVar("Found")


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
    groups: int = 1  # of a convolution: each mixes its own channels only; of Layout.FOLDED its members
    first: int = 0  # of a fused projection: how many outputs are queries
    unfit: str = ""  # why the tail of its spectrum says nothing, "" where it does
    where: str | None = None  # its block in words, "Decoder block 3"; "" outside the blocks, None: the name says it
    more: str = ""  # the words of its name that tell it from others like it
    weight: str = ""  # the weight that it is the main part of, where that has another name
    made: str = ""  # how that weight is formed out of what is stored; "" where it is stored as it is
    same_as: str = ""  # the tensor that holds the same numbers, and is counted in its place
    axes: str = ""  # of Layout.AXES: what each side counts, see `analysis.tensors.axes`
    digest: str = field(default="", compare=False)  # of the values of one that is not analysed; "": not known

    @property
    def label(self) -> str:
        """What a reader calls it."""
        return label_of(self.called, self.role, self.depth, self.where, self.more)

    @property
    def called(self) -> str:
        """The name of the weight in it, under which another checkpoint has it too."""
        return self.weight or self.name

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
    where: str | None = None  # its block in words; see TensorInfo
    more: str = ""
    unfit: str = ""

    @property
    def label(self) -> str:
        """What a reader calls it, no two of a report alike: "Block 4 · value"."""
        return label_of(self.name, self.role, self.depth, self.where, self.more)

    @property
    def cost(self) -> float:
        """Predicted work, in multiply-adds: the Gram matrix of the smaller side and its eigenvalues."""
        small, large = sorted((self.rows, self.columns))
        return float(self.slices) * small * small * (large + 4.0 * small)


@dataclass(frozen=True, slots=True)
class Factors:
    """An update known as a product: ΔW = left · right, scaling included, m rows of outputs and n columns of inputs."""

    left: Float[Tensor, "m r"]
    right: Float[Tensor, "r n"]


STEP_OF_GRID = "the step of its grid is"  # by which a note says that the file stores a weight quantised


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the values of a dequantised weight can lie: multiples of a step, whose root mean square this is."""

    step: float
    how: str  # "dequantised from GPTQ: 4 bits, groups of 128"

    def note(self) -> str:
        return f"{self.how}; {STEP_OF_GRID} {self.step:.3g}"


@dataclass(frozen=True)
class Weight:
    """A weight with its numbers, one matrix or one for each kernel position of a convolution: `array` or `slices`.

    A tuned weight knows its `base`, the same weight before training, and the `factors` of the update where an adapter
    gave them. `merged` says that it is that base plus an adapter's change, so that it cannot be of another base. A
    dequantised one knows the `grid` that its values lie on. Whatever is derived is found once and kept, so that all
    diagnostics and all groups share it.
    """

    info: WeightInfo
    numbers: Float[Numbers, "s m n"]  # as they were read
    base: "Weight | None" = None
    factors: Factors | None = None
    grid: Grid | None = None
    merged: bool = False

    @once
    def array(self) -> Float[np.ndarray, "s m n"]:
        """The numbers as NumPy has them, on the CPU."""
        return as_array(self.numbers)

    @once
    def slices(self) -> Float[Tensor, "s m n"]:
        """The numbers as PyTorch has them, on the device where they are."""
        return as_tensor(self.numbers)

    @once
    def spectrum(self) -> Spectrum:
        """Its singular values, found once. Raises TensorError, naming the weight."""
        with self.name_errors():
            return decompose(self.numbers)

    @property
    def of_adapter(self) -> bool:
        """Whether it is its base plus an adapter's change, whose factors may be known."""
        return self.merged or self.factors is not None

    @property
    def matrix(self) -> Float[Tensor, "m sn"]:
        """One matrix: the slices of a convolution side by side."""
        return self.slices[0] if len(self.slices) == 1 else self.slices.permute(1, 2, 0).flatten(1)

    @once
    def triplets(self) -> Triplets:
        """All its singular values with their vectors, in float64, found once. Raises TensorError, naming the weight."""
        with self.name_errors():
            return triplets(self.matrix)

    @once
    def reduction(self) -> Reduction | None:
        """Its singular values, and what lies along its vectors, without these: several times as fast, found once.

        None on a GPU, and where its rank cannot be told so. Raises TensorError, naming the weight.
        """
        if self.matrix.is_cuda:
            return None
        with self.name_errors():
            return reduction(self.matrix)

    @once
    def _update_reduction(self) -> Reduction | None:
        assert self.base is not None, "only a tuned weight has an update"
        if self.matrix.is_cuda:
            return None
        with self.name_errors():
            return reduction(self.matrix.double() - self.base.matrix.double())

    @property
    def update_axes(self) -> Triplets | Reduction:
        """ΔW as `axes` has it: decomposed where it was, is known by factors, or must be. Needs `base`."""
        if self.factors is not None or "update" in vars(self):
            return self.update
        return self._update_reduction or self.update

    @property
    def axes(self) -> Triplets | Reduction:
        """What tells how a vector lies among its singular vectors: its triplets where they were found, or must be."""
        return self.triplets if self.is_decomposed else self.reduction or self.triplets

    @property
    def is_decomposed(self) -> bool:
        """Whether its triplets were found already, so that they cost nothing more."""
        return "triplets" in vars(self)

    @once
    def singular_values(self) -> Float64[Tensor, " k"]:
        """Those of `matrix`, descending: of its triplets where it has them, else by themselves, which is faster."""
        if self.is_decomposed:
            return self.triplets.values
        with self.name_errors():
            finite(self.matrix)
            spectrum = self.spectrum if len(self.slices) == 1 else decompose(self.matrix[None])
        return torch.from_numpy(spectrum.values[::-1].copy()).to(self.slices.device)

    @once
    def update(self) -> Triplets:
        """ΔW = W - W₀, decomposed: from its factors where it has them, else in full. Needs `base`."""
        assert self.base is not None, "only a tuned weight has an update"
        with self.name_errors():
            if self.factors is not None:
                finite(self.matrix)  # what is no number is found here as by the other route
                return product_triplets(self.factors.left, self.factors.right)
            return triplets(self.matrix.double() - self.base.matrix.double())

    def find_once(self, what: str, find: Callable[[], Found]) -> Found:
        """What diagnostics find about it and share: found the first time, and kept under that name."""
        kept = self._found
        if what not in kept:
            kept[what] = find()
        found: Found = kept[what]
        return found

    @once
    def _found(self) -> dict[str, Any]:
        return {}

    @contextmanager
    def name_errors(self) -> Iterator[None]:
        """Within it a TensorError is told which weight it is about."""
        try:
            yield
        except TensorError as error:
            raise type(error)(f"{escape(self.info.name)}: {error}") from error
