"""An open checkpoint: tensors known from headers alone, read one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.adapters.config import AdapterConfig
from analysis.cached import once
from analysis.formats.dtypes import DTYPES
from analysis.formats.effective import Recognised, grid_step, recognise, values
from analysis.formats.effective.broken import count_not_finite, gain_sizes
from analysis.formats.effective.buffers import constant_kinds
from analysis.formats.effective.digests import digests_of
from analysis.formats.repeated import repeated
from analysis.formats.stored import Array, Aside, Facts
from analysis.runtime.arrays import dtype_of
from analysis.tensors.gains import odd_gains

if TYPE_CHECKING:
    import torch

    import analysis.weight

# torch is imported where it is needed: that takes 1.3 s or more, and the ingest child never needs it


@dataclass(frozen=True)
class Checkpoint:
    """Where each tensor of a checkpoint lies, in the order of its files, and the facts that came along."""

    format: str  # name of a Format
    stored: Mapping[str, Array]
    facts: Facts = field(default_factory=dict)
    aside: Mapping[str, Aside] = field(default_factory=dict)  # what the files hold beside the weights
    adapter: AdapterConfig | None = None  # what adapter_config.json says, where these tensors are an adapter's
    quantisation: Mapping[str, Any] = field(default_factory=dict)  # what config.json says of its codes and scales

    @once
    def tensors(self) -> "tuple[analysis.weight.TensorInfo, ...]":
        """Every tensor with its role and depth, and the reason where it is not analysed; last what was set aside."""
        from analysis.tensors.listing import beyond_of, describe_all
        from analysis.tensors.matrices import Header, left_out

        headers = {name: Header(t.shape, t.dtype, t.nbytes) for name, t in self.stored.items()}
        aside_tensors = (left_out(name, Header(t.shape, t.dtype, t.nbytes), t.reason) for name, t in self.aside.items())
        return (*describe_all(headers, beyond_of(self.beyond), self.facts), *aside_tensors)

    @once
    def effective(self) -> Recognised:
        """The weights that several of its tensors make up, and the tensors that only serve them."""
        return recognise(self.stored, self.quantisation) if self.adapter is None else Recognised()

    @once
    def beyond(self) -> dict[str, Any]:
        """What the headers do not tell of the tensors, as JSON: `analysis.tensors.listing.beyond_of` reads it."""
        made_weights = {
            name: [one.weight, list(one.shape), self._dtype(name), one.how]
            for name, one in self.effective.weights.items()
        }
        same = repeated(self.stored) if self.adapter is None else {}
        constants = {name: kind for name, kind in self.constants.items() if name not in made_weights}
        leftovers = dict(self.effective.left)
        return {
            "made": made_weights,
            "left": leftovers,
            "same": same,
            "constants": constants,
            "broken": self.not_finite,
            "gains": odd_gains(gain_sizes(self.stored)) if self.adapter is None else {},
            "digests": digests_of(self.stored, constants) if self.adapter is None else {},
        }

    @once
    def not_finite(self) -> dict[str, int]:
        """The small tensors that hold values which are NaN or infinite, with how many."""
        return count_not_finite(self.stored)

    @once
    def constants(self) -> Mapping[str, str]:
        """The tensors whose numbers show that no training made them, with what they are."""
        return constant_kinds(self.stored)

    def _dtype(self, name: str) -> str:
        return "float64" if self.stored[name].dtype == "float64" else "float32"

    def step(self, name: str) -> float | None:
        """The step of the grid of a dequantised tensor, the root of its mean square; None for any other."""
        weight = self.effective.weights.get(name)
        return None if weight is None else grid_step(weight, self.stored)

    @property
    def kind(self) -> Literal["model", "adapter"]:
        """Whether it states how another checkpoint changes ("adapter"), or is one by itself ("model")."""
        return "model" if self.adapter is None else "adapter"

    def load(self, name: str) -> np.ndarray:
        """The same as `read`, as an array of NumPy; bfloat16 and float8 in ml_dtypes' types.

        Raises TypeError for a type that NumPy does not have.
        """
        if (weight := self.effective.weights.get(name)) is not None:
            return values(weight, self.stored)
        array = self.stored[name]
        words = array.load()
        return words if DTYPES[array.dtype].bits < 8 else words.view(dtype_of(array.dtype))

    def read(self, name: str) -> "torch.Tensor":
        """One tensor on the CPU, contiguous, in its stored dtype, and nothing else of the file.

        The main part of a weight that is formed out of several comes as that weight, in float32 or float64. Dtypes of
        less than a byte come as their packed bytes.
        """
        import torch

        if (weight := self.effective.weights.get(name)) is not None:
            return torch.from_numpy(values(weight, self.stored))
        array = self.stored[name]
        words = array.load()
        if DTYPES[array.dtype].bits < 8:
            return torch.from_numpy(words)
        if words.ndim == 0:
            return torch.from_numpy(np.atleast_1d(words)).view(getattr(torch, array.dtype))[0]
        return torch.from_numpy(words).view(getattr(torch, array.dtype))
