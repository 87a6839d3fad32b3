"""An open checkpoint: tensors known from headers alone, read one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.adapters.config import AdapterConfig
from analysis.cached import once
from analysis.formats.dtypes import DTYPES
from analysis.formats.stored import Array, Aside, Facts

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

    @once
    def tensors(self) -> "tuple[analysis.weight.TensorInfo, ...]":
        """Every tensor with its role and depth, and the reason where it is not analysed; last what was set aside."""
        from analysis.tensors.matrices import Header, describe, left_out

        headers = {name: Header(t.shape, t.dtype, t.nbytes) for name, t in self.stored.items()}
        others = (left_out(name, Header(t.shape, t.dtype, t.nbytes), t.reason) for name, t in self.aside.items())
        return (*describe(headers), *others)

    @property
    def kind(self) -> Literal["model", "adapter"]:
        """Whether it states how another checkpoint changes ("adapter"), or is one by itself ("model")."""
        return "model" if self.adapter is None else "adapter"

    def read(self, name: str) -> "torch.Tensor":
        """One tensor on the CPU, contiguous, in its stored dtype, and nothing else of the file.

        Dtypes of less than a byte come as their packed bytes.
        """
        import torch

        stored = self.stored[name]
        words = stored.load()
        if DTYPES[stored.dtype].bits < 8:
            return torch.from_numpy(words)
        if words.ndim == 0:
            return torch.from_numpy(np.atleast_1d(words)).view(getattr(torch, stored.dtype))[0]
        return torch.from_numpy(words).view(getattr(torch, stored.dtype))
