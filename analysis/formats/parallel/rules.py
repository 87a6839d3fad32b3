"""How the parts of one tensor make the whole: side by side along an axis, block by block, or once for equal copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from analysis.errors import CheckpointError, DamagedFile, UnknownFormat, escape
from analysis.formats.arrays import Piece, join
from analysis.formats.dtypes import DTYPES
from analysis.formats.effective.numbers import numbers
from analysis.formats.parts import set_aside
from analysis.formats.stored import Array, Aside, Contents, Stored

PARALLEL = "tensor-parallel"
CLOSE = 0.05  # of the largest value: replicas of Meta's Llama 3 70B differ by up to a hundredth
SMALL_REPLICA = 2**20  # elements of replicas that may differ: gains and biases


@dataclass(frozen=True, slots=True)
class Rule:
    """Along which axis the parts lie, after how many the next one differs, and in how many blocks each is cut."""

    axis: int
    copies: int = 1  # consecutive parts that hold the same: keys and values that several ranks share
    blocks: tuple[int, ...] = ()  # rows of each part that belong to one matrix; the whole has all of the first, …


def merge(name: str, arrays: Sequence[Array], rule: Rule) -> Array:
    """The whole tensor of its parts in order. Raises DamagedFile where their shapes or copies do not agree."""
    check_alike(name, arrays)
    for start in range(0, len(arrays), rule.copies):
        for copy in arrays[start + 1 : start + rule.copies]:
            if not are_equal(arrays[start], copy):
                raise DamagedFile(
                    f"tensor {escape(name)}: {copy.path.name} holds another copy of it than "
                    f"{arrays[start].path.name}. The parts are of different saves: give those of one.",
                    "bad-offsets",
                )
    each = arrays[:: rule.copies]
    if len(each) == 1:
        return each[0]
    shape = list(each[0].shape)
    shape[rule.axis] *= len(each)
    pieces = _block_pieces(name, each, rule.blocks) if rule.blocks else _pieces(each, rule.axis)
    return join(tuple(pieces), tuple(shape), each[0].dtype)


def check_alike(name: str, arrays: Sequence[Array]) -> None:
    """Refuses parts of different shapes or types, and types of less than a byte."""
    if len({(array.shape, array.dtype) for array in arrays}) > 1:
        told = ", ".join(f"{list(array.shape)} in {escape(array.path.name)}" for array in arrays[:4])
        raise DamagedFile(
            f"tensor {escape(name)} has parts of different shapes or types: {told}. They are of different models: "
            "give the parts of one.",
            "bad-offsets",
        )
    if DTYPES[arrays[0].dtype].bits < 8:
        raise refusal(f"tensor {escape(name)} is of {arrays[0].dtype}, in which elements share a byte")


def refusal(why: str) -> CheckpointError:
    """The error for parts whose rule is not known."""
    return UnknownFormat(
        f"these files each hold a part of every tensor (tensor parallel), and {why}. Merge them with the converter of "
        "the model, and give what it writes.",
        PARALLEL,
    )


def one_of(name: str, arrays: Sequence[Array], is_norm: bool) -> Array | Aside:
    """The tensor that all parts should have whole; set aside where small copies differ a little, else refused."""
    far = difference(arrays)
    if far == 0:
        return arrays[0]
    if far <= CLOSE:
        return set_aside(arrays[0], f"its copies in the {len(arrays)} parts differ by up to {far:.1%}: none is chosen")
    if len(arrays[0].shape) < 2 and is_norm:
        text = f"tensor {escape(name)} should be equal in all parts and is not: they are of different models or saves."
        raise DamagedFile(f"{text} Give the parts of one.", "bad-offsets")
    raise refusal(f"how tensor {escape(name)} is divided among them is not known")


def check_names(contents: Mapping[Path, Contents]) -> None:
    """Each part has a part of every tensor, or the whole of it."""
    (first, held), *others = contents.items()
    for path, other in others:
        differ = held.tensors.keys() ^ other.tensors.keys()
        if differ:
            name = min(differ)
            there, absent = (first, path) if name in held.tensors else (path, first)
            raise DamagedFile(
                f"tensor {escape(name)} is in {called(there)} and not in {called(absent)}: parts of different models. "
                "Give the parts of one.",
                "bad-offsets",
            )


def called(path: Path) -> str:
    """A file in a message; with its folder where that tells it from the others."""
    return escape(f"{path.parent.name}/{path.name}" if path.parent.name.startswith("mp_rank_") else path.name)


def _pieces(arrays: Sequence[Array], axis: int) -> list[Piece]:
    length = arrays[0].shape[axis]
    return [
        Piece(tuple(place * length if a == axis else 0 for a in range(len(array.shape))), array)
        for place, array in enumerate(arrays)
    ]


def _block_pieces(name: str, arrays: Sequence[Array], blocks: Sequence[int]) -> list[Piece]:
    """Each part cut into its blocks of rows, the blocks of all parts side by side."""
    if sum(blocks) != arrays[0].shape[0] or 0 in blocks:
        raise DamagedFile(f"tensor {escape(name)} has {arrays[0].shape[0]:,} rows, not {sum(blocks):,}", "bad-offsets")
    found = []
    for begin, rows in zip(accumulate(blocks, initial=0), blocks, strict=False):
        for place, array in enumerate(arrays):
            first = begin * len(arrays) + place * rows
            found.append(Piece((first, *(0 for _ in array.shape[1:])), rows_of(array, begin, rows)))
    return found


def rows_of(array: Array, begin: int, rows: int) -> Array:
    """Some rows of a tensor that lies in its file as it is."""
    if not isinstance(array, Stored):
        raise refusal(f"{escape(array.path.name)} holds one that does not lie in the file as it is")
    stride = array.strides[0] if array.strides else int(np.prod(array.shape[1:], dtype=np.int64))
    start = array.start + begin * stride * (DTYPES[array.dtype].bits // 8)
    return replace(array, start=start, shape=(rows, *array.shape[1:]))


def are_equal(one: Array, other: Array) -> bool:
    """Whether two tensors are the same to the bit, read a piece at a time."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return all(np.array_equal(a, b) for a, b in zip(one.chunks(), other.chunks(), strict=True))


def difference(arrays: Sequence[Array]) -> float:
    """The largest difference of small replicas, relative to the largest value; 0 where equal, infinite where far."""
    first = arrays[0]
    if all(are_equal(first, other) for other in arrays[1:]):
        return 0.0
    if len(first.shape) > 1 or first.size > SMALL_REPLICA or "float" not in first.dtype:
        return float("inf")
    values = np.stack([np.asarray(numbers(array), np.float64) for array in arrays])
    top = float(np.abs(values).max())
    spread = float((values.max(0) - values.min(0)).max())
    return spread / top if np.isfinite(spread) and top else float("inf")
