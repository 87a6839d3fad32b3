"""Names and shapes of the tensors of public models, with what each is, in a compact text: one line for alike names.

    # vit_tiny_patch16_224
    576 192 | qkv | Block 0-11 | blocks.{0-11}.attn.qkv.weight

says that twelve tensors of (576, 192) are "qkv", in blocks 0 to 11. Numbers that run over a set are in braces.
`generate` writes the files with the libraries themselves; a person has read what they say of roles and blocks.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent
Shape = tuple[int, ...]
Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """Tensors of one shape whose names differ in their numbers only."""

    shape: Shape
    role: str
    where: str  # blocks, as "Decoder block 0-5"; "" outside of blocks
    names: str

    def __str__(self) -> str:
        return f"{' '.join(map(str, self.shape))} | {self.role} | {self.where} | {self.names}"

    def expand(self) -> list[str]:
        """Every name, the last number running fastest."""
        parts = re.split(r"\{([^}]*)\}", self.names)
        choices = [[part] if at % 2 == 0 else list(map(str, numbers_of(part))) for at, part in enumerate(parts)]
        return ["".join(found) for found in product(*choices)]


def read(path: Path) -> dict[str, list[Line]]:
    """The models of a file."""
    found: dict[str, list[Line]] = {}
    for text in path.read_text().splitlines():
        if text.startswith("# "):
            found[text[2:]] = lines = []
        elif text:
            shape, role, where, names = (part.strip() for part in text.split("|"))
            lines.append(Line(tuple(map(int, shape.split())), role, where, names))
    return found


def numbers_of(text: str) -> list[int]:
    """The numbers that a text of ranges means.

    >>> numbers_of("0-2,5")
    [0, 1, 2, 5]
    """
    ends = [part.partition("-") for part in text.split(",")]
    return [number for low, _, high in ends for number in range(int(low), int(high or low) + 1)]


def ranges(numbers: Iterable[int]) -> str:
    """A text of ranges for numbers.

    >>> ranges([5, 0, 1, 2])
    '0-2,5'
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def wheres(found: Iterable[str | None]) -> str:
    """Blocks in words, put together.

    >>> wheres(["Block 0", "Block 1"])
    'Block 0-1'
    """
    told = list(dict.fromkeys(where or "" for where in found))
    stems = {where.rstrip("0123456789") for where in told}
    if len(stems) != 1:
        return "; ".join(sorted(told))
    (stem,) = stems
    counted = [int(where[len(stem) :]) for where in told if where != stem]
    return f"{stem}{ranges(counted)}" if counted else stem


Item = tuple[str, Shape, str, str | None]  # name, shape, role, where


def compact(items: Sequence[Item]) -> Iterator[Line]:
    """The lines of a model."""
    alike: dict[tuple[str, Shape, str, str], dict[Numbers, str | None]] = {}
    for name, shape, role, where in items:
        pattern = re.sub(r"\d+", "#", name)
        stem = (where or "").rstrip("0123456789")
        numbers = tuple(map(int, re.findall(r"\d+", name)))
        alike.setdefault((pattern, shape, role, stem), {})[numbers] = where
    for (pattern, shape, role, _), held in alike.items():
        for box in boxes(sorted(held)):
            places = wheres(held[numbers] for numbers in product(*box))
            counts = [ranges(axis) if len(axis) == 1 else f"{{{ranges(axis)}}}" for axis in box]
            words = pattern.split("#")
            yield Line(shape, role, places, "".join(a + b for a, b in zip(words, [*counts, ""], strict=True)))


def boxes(found: Sequence[Numbers]) -> Iterator[tuple[list[int], ...]]:
    """The numbers as products of sets, few of them."""
    axes = tuple(sorted(set(axis)) for axis in zip(*found, strict=True))
    if len(set(found)) == len(list(product(*axes))):
        yield axes
        return
    rows: dict[Numbers, list[int]] = {}
    for numbers in found:
        rows.setdefault(numbers[1:], []).append(numbers[0])
    by_first: dict[tuple[int, ...], list[Numbers]] = {}
    for rest, firsts in rows.items():
        by_first.setdefault(tuple(firsts), []).append(rest)
    for starts, rests in by_first.items():
        for box in boxes(rests):
            yield (list(starts), *box)


def text_of(models: Mapping[str, Sequence[Item]]) -> str:
    """A file of models."""
    parts = ["\n".join([f"# {model}", *map(str, compact(items))]) for model, items in models.items()]
    return "\n\n".join(parts) + "\n"
