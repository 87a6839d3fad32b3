"""Any checkpoint, streamed into one safetensors file."""

import json
import os
from collections.abc import Mapping
from io import BufferedIOBase
from pathlib import Path

from analysis.formats.checkpoint import Checkpoint
from analysis.formats.dtypes import DTYPES
from analysis.formats.safetensors import METADATA
from analysis.formats.stored import Array


def rewrite(checkpoint: Checkpoint, target: Path) -> None:
    """Writes the checkpoint to `target`, a few megabytes at a time: there it is whole, or it is not there at all.

    Tensors that safetensors has no dtype for (complex128) are left out.
    """
    tensors = {name: t for name, t in checkpoint.stored.items() if DTYPES[t.dtype].safetensors is not None}
    partial = target.with_name(target.name + ".part")
    try:
        with partial.open("wb") as file:
            _write(file, tensors, checkpoint.format)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _write(file: BufferedIOBase, stored: Mapping[str, Array], source: str) -> None:
    order = _by_width(stored)
    file.write(_header(stored, order, source))
    for name in order:
        file.writelines(words.tobytes() for words in stored[name].chunks())


def _by_width(stored: Mapping[str, Array]) -> list[str]:
    """The names, widest dtype first, so that every tensor lies at a multiple of its width."""
    return sorted(stored, key=lambda name: -DTYPES[stored[name].dtype].bits)


def _header(stored: Mapping[str, Array], order: list[str], source: str) -> bytes:
    """The header: entries as the checkpoint orders them, offsets as they are written."""
    begins: dict[str, int] = {}
    end = 0
    for name in order:
        begins[name] = end
        end += stored[name].nbytes
    header: dict[str, object] = {METADATA: {"rewritten_from": source}}
    for name, tensor in stored.items():
        offsets = [begins[name], begins[name] + tensor.nbytes]
        code = DTYPES[tensor.dtype].safetensors
        header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def sync_folder(folder: Path) -> None:
    """Makes the new name last through a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
