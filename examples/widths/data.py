"""The text: bytes of the standard library's sources, which are on every machine. What comes out depends on the Python
version and on nothing else.
"""

import hashlib
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

PASSED_OVER = {"site-packages", "test", "tests", "idlelib", "lib2to3", "__pycache__"}
HELD_OUT = 0.05  # of the modules, by their names
BYTES = 256


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes to train on and bytes to test on, each one long row of integers below 256."""

    train: Tensor
    test: Tensor


def text(folder: Path | None = None) -> Text:
    """Every module of the standard library one after the other, each of one split."""
    place = folder or Path(sysconfig.get_path("stdlib"))
    splits: tuple[list[bytes], list[bytes]] = ([], [])
    for path in sorted(place.rglob("*.py")):
        name = path.relative_to(place)
        if PASSED_OVER.isdisjoint(name.parts):
            splits[held_out(name.as_posix())].append(path.read_bytes())
    train, test = (torch.frombuffer(bytearray(b"".join(split)), dtype=torch.uint8) for split in splits)
    return Text(train, test)


def held_out(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < HELD_OUT * 16**8


def windows(held: Tensor, count: int, length: int, seed: int) -> Tensor:
    """So many stretches of `length` + 1 bytes from places that the seed draws: (count, length + 1)."""
    random = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(held) - length, (count, 1), generator=random)
    return held[starts + torch.arange(length + 1)].long()
