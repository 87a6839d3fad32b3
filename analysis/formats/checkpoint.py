"""An open checkpoint: tensors known from headers alone, read one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.adapters.config import AdapterConfig
from analysis.cached import once
from analysis.formats.buffers import constant_kinds
from analysis.formats.dtypes import DTYPES
from analysis.formats.stored import Facts, Stored

if TYPE_CHECKING:
    import torch

    import analysis.weight

# torch is imported where it is needed: that takes 1.3 s or more, and the ingest child never needs it


@dataclass(frozen=True)
class Checkpoint:
    """Where each tensor of a checkpoint lies, in the order of its files, and the facts that came along."""

    format: str  # name of a Format
    stored: Mapping[str, Stored]
    facts: Facts = field(default_factory=dict)
    adapter: AdapterConfig | None = None  # what adapter_config.json says, where these tensors are an adapter's

    @once
    def tensors(self) -> "tuple[analysis.weight.TensorInfo, ...]":
        """Every tensor with its role and depth, and the reason where it is not analysed."""
        from analysis.tensors.matrices import Header, describe

        constants = self.constants
        return describe({
            name: Header(t.shape, t.dtype, t.nbytes, constants.get(name, "")) for name, t in self.stored.items()
        })  # fmt: skip

    @once
    def constants(self) -> Mapping[str, str]:
        """The tensors whose numbers show that no training made them, with what they are."""
        return constant_kinds(self.stored)

    @property
    def kind(self) -> Literal["model", "adapter"]:
        """Whether it states how another checkpoint changes ("adapter"), or is one by itself ("model")."""
        return "model" if self.adapter is None else "adapter"

    def read_member(self, name: str, member: int) -> "torch.Tensor":
        """One index of the first side of a tensor of whole bytes, as a tensor of one such member; see `read`."""
        import torch

        stored = self.stored[name]
        words = np.array(stored.words()[member : member + 1], order="C")
        native = words.byteswap() if stored.big_endian else words
        return torch.from_numpy(native).view(getattr(torch, stored.dtype))

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
