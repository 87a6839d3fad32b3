"""A safetensors file written one tensor at a time, whose shapes need not be known before their turn.

https://huggingface.co/docs/safetensors#format. The header stands first and is known last: room is left for it, and what
it does not fill is white space, which the format allows. The same tensors in the same order give the same bytes.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from analysis.formats.dtypes import DTYPES
from analysis.formats.safetensors import METADATA
from analysis.formats.stored import Array

if TYPE_CHECKING:
    from torch import Tensor

WIDEST_NUMBER = 20  # digits of 2^62 and a comma
ENTRY = 64 + 2 * WIDEST_NUMBER  # bytes of a header's entry without its name and its extents


class Writer:
    """The file being written: whole under its name after the `with` block, or not there at all.

    `names`: each tensor with its number of dimensions, as the header shall list them. Add the widest dtypes first, so
    that every tensor lies at a multiple of its width.
    """

    def __init__(self, target: Path, names: Mapping[str, int], metadata: Mapping[str, str]) -> None:
        self._target, self._partial = target, target.with_name(target.name + ".part")
        self._order, self._metadata = tuple(names), dict(metadata)
        self._entries: dict[str, dict[str, object]] = {}
        texts = sum(len(json.dumps(name)) + ENTRY + WIDEST_NUMBER * rank for name, rank in names.items())
        self._room = (texts + len(json.dumps({METADATA: self._metadata})) + 15) // 8 * 8
        self._end = 0
        self._file = self._partial.open("wb")
        self._file.seek(8 + self._room)

    def __enter__(self) -> "Writer":
        return self

    def add(self, name: str, tensor: "Tensor") -> None:
        """Writes a tensor that lies in memory."""
        import torch

        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        self._write(name, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), [flat.numpy().tobytes()])

    def copy(self, name: str, array: Array) -> None:
        """Writes a tensor out of another file, bit for bit, a few megabytes at a time."""
        self._write(name, array.dtype, array.shape, (words.tobytes() for words in array.chunks()))

    def _write(self, name: str, dtype: str, shape: tuple[int, ...], pieces: Iterable[bytes]) -> None:
        if name not in self._order or name in self._entries:
            raise ValueError(f"{name} was not announced, or is written twice")
        begin = self._end
        self._end += sum(self._file.write(piece) for piece in pieces)
        code = DTYPES[dtype].safetensors
        self._entries[name] = {"dtype": code, "shape": list(shape), "data_offsets": [begin, self._end]}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
                self._partial.replace(self._target)
        finally:
            self._file.close()
            self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        entries = {name: self._entries[name] for name in self._order if name in self._entries}
        text = json.dumps({METADATA: self._metadata, **entries}, separators=(",", ":")).encode()
        self._file.seek(0)
        self._file.write(self._room.to_bytes(8, "little") + text.ljust(self._room))
        self._file.flush()
        os.fsync(self._file.fileno())
