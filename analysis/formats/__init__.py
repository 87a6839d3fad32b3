"""Checkpoint formats, one file each, recognised by content and never by name.

`FORMATS` is the one registration. `open_checkpoint` picks the format and returns an `OpenCheckpoint`, which knows its
tensors from their headers and reads one at a time. `rewrite` streams it into one safetensors file.
Importing this package does not import torch: the ingest child checks and rewrites files without it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from analysis.formats.checkpoint import Checkpoint
from analysis.formats.files import gather
from analysis.formats.pytorch.archive import TORCH_ZIP
from analysis.formats.pytorch.legacy import TORCH_LEGACY
from analysis.formats.rewrite import rewrite
from analysis.formats.safetensors import SAFETENSORS
from analysis.formats.stored import Fact, Format

if TYPE_CHECKING:
    import torch

    import analysis.weight

__all__ = ["FORMATS", "Checkpoint", "OpenCheckpoint", "open_checkpoint", "rewrite"]

FORMATS: tuple[Format, ...] = (SAFETENSORS, TORCH_ZIP, TORCH_LEGACY)


@runtime_checkable
class OpenCheckpoint(Protocol):
    """A checkpoint whose headers have been read and checked. `read` gives a tensor on the CPU in its stored dtype."""

    @property
    def format(self) -> str: ...
    @property
    def kind(self) -> Literal["model", "adapter"]: ...
    @property
    def tensors(self) -> "tuple[analysis.weight.TensorInfo, ...]": ...
    @property
    def facts(self) -> Mapping[str, Fact]: ...
    def read(self, name: str) -> "torch.Tensor": ...


def open_checkpoint(paths: Sequence[Path]) -> Checkpoint:
    """The checkpoint in these files, or in one folder. Raises CheckpointError, saying what they are and what to do."""
    return gather(paths, FORMATS)
