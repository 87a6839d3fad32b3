"""What a mitigation has found so far, tensor by tensor in a folder: one that was interrupted goes on where it was.

Finding the intruders is nearly all of the work; writing the file from them is not worth keeping.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import safe_open

from analysis.mitigation.intruding import Intruding
from analysis.runtime.pytorch import Tensor
from analysis.weight import Factors, WeightInfo

FOUND = "found"  # the key of the metadata that holds all but the factors
BEGUN = "begun"  # the file that says how many findings there were when the last attempt began


@dataclass
class Memory:
    """A folder of findings, each whole or not there. A finding is a stage and a tensor's name."""

    folder: Path
    again: bool = False  # whether an attempt was interrupted

    def begin(self) -> bool:
        """Notes that an attempt begins; whether the one before it had found something."""
        note, count = self.folder / BEGUN, sum(1 for _ in self.folder.glob("*.safetensors"))
        self.again = note.exists()
        old_count = int(note.read_text() or 0) if self.again else count
        note.write_text(str(count))
        return count > old_count

    def recall(self, stage: str, tensor: str) -> list[Intruding] | None:
        """What was kept, to the last bit; None where nothing was."""
        path = self._path(stage, tensor)
        if not path.exists():
            return None
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
            return list(_restore(json.loads(file.metadata()[FOUND]), tensors))

    def keep(self, stage: str, tensor: str, intruders: Sequence[Intruding]) -> None:
        """Keeps it: on the disk when this returns, or not at all. Raises OSError."""
        from safetensors.torch import save_file  # imports torch

        path = self._path(stage, tensor)
        partial = path.with_suffix(f".{os.getpid()}.part")
        names = ("count", "note", "cosine")
        entries = [{"weight": asdict(one.weight), **{name: getattr(one, name) for name in names}} for one in intruders]
        tensors = {name: factor for index, one in enumerate(intruders) for name, factor in _factors(index, one)}
        try:
            save_file(tensors, partial, {FOUND: json.dumps(entries)})
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _path(self, stage: str, tensor: str) -> Path:
        return self.folder / f"{stage}-{sha256(tensor.encode('utf-8', 'surrogatepass')).hexdigest()}.safetensors"


def _factors(at: int, one: Intruding) -> Iterator[tuple[str, Tensor]]:
    if one.change is not None:
        yield f"{at}.left", one.change.left.contiguous()
        yield f"{at}.right", one.change.right.contiguous()


def _restore(said: Sequence[dict[str, Any]], tensors: dict[str, Tensor]) -> Iterator[Intruding]:
    for index, entry in enumerate(said):
        left = tensors.get(f"{index}.left")
        change = None if left is None else Factors(left, tensors[f"{index}.right"])
        yield Intruding(WeightInfo(**entry["weight"]), entry["count"], change, entry["note"], entry.get("cosine"))
