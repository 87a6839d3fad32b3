"""Checkpoint formats, one file each, recognised by content and never by name.

`FORMATS` is the one registration. `open_checkpoint` picks the format and returns a `Checkpoint`, which knows its
tensors from their headers and reads one at a time. `rewrite` streams it into one safetensors file.
Importing this package does not import torch: the ingest child checks and rewrites files without it.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.formats.checkpoint import Checkpoint
from analysis.formats.files import gather
from analysis.formats.hdf5.keras_file import HDF5, KERAS_ARCHIVE
from analysis.formats.onnx.file import ONNX
from analysis.formats.pytorch.archive import TORCH_ZIP
from analysis.formats.pytorch.legacy import TORCH_LEGACY
from analysis.formats.pytorch.plain import PLAIN_PICKLE
from analysis.formats.readers.flax_msgpack import FLAX
from analysis.formats.readers.gguf_file import GGUF
from analysis.formats.readers.numpy_archive import NUMPY_ARCHIVE
from analysis.formats.readers.numpy_file import NUMPY_FILE
from analysis.formats.rewrite import rewrite
from analysis.formats.safetensors import SAFETENSORS
from analysis.formats.stored import Format

__all__ = ["FORMATS", "Checkpoint", "open_checkpoint", "rewrite"]

# in the order in which those of a folder are preferred
FORMATS: tuple[Format, ...] = (
    SAFETENSORS, TORCH_ZIP, TORCH_LEGACY, GGUF, KERAS_ARCHIVE, HDF5, FLAX, ONNX, NUMPY_ARCHIVE, NUMPY_FILE,
    PLAIN_PICKLE,
)  # fmt: skip


def open_checkpoint(paths: Sequence[Path], part: str | None = None) -> Checkpoint:
    """The checkpoint in these files, or in one folder. Raises CheckpointError, saying what they are and what to do.

    Copies of the weights (averages, teachers) are set aside; `part` asks for the tensors of one of them instead.
    """
    return gather(paths, FORMATS, part)
