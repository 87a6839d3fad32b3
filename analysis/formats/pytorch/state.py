"""From an unpickled value to tensors: which part of it is the model, and where the numbers of each tensor lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import DamagedFile, UnsafeFile, escape
from analysis.formats.arrays import Held
from analysis.formats.dtypes import DTYPES
from analysis.formats.hostile_json import printable, text_facts
from analysis.formats.parts import tokens
from analysis.formats.pytorch.machine import Machine
from analysis.formats.pytorch.objects import NUMPY, Bytes, Foreign, Ndarray, Sharded, Unreadable, View
from analysis.formats.pytorch.settings import training_settings
from analysis.formats.pytorch.walk import Entry, Keys, key_text, walk
from analysis.formats.safetensors import check_new_name
from analysis.formats.stored import (
    MOST_DIMENSIONS,
    MOST_LISTED,
    Array,
    Aside,
    Checksum,
    Contents,
    Fact,
    Share,
    Stored,
    extent,
    too_many_dimensions,
)

# where training programs put the weights (PyTorch Lightning, Megatron, nanoGPT, DeepSpeed), in order of preference
NESTED = ("state_dict", "model_state_dict", "model", "module", "model_state", "params", "weights", "net", "network")
DEEPEST = 64
# Tensors that share one storage are written out one by one; more than this is an attack on the disk.
MOST_GROWTH = 16
FREE_GROWTH = 2**20
MOST_FOREIGN = 8  # names of classes that a fact lists


@dataclass(frozen=True, slots=True)
class Span:
    """Where a storage lies in the file."""

    start: int
    nbytes: int
    crc: int = 0  # CRC-32 of its bytes; 0 where none is stored

    @property
    def checksum(self) -> Checksum | None:
        return Checksum(self.start, self.nbytes, self.crc) if self.crc else None


@dataclass(frozen=True, slots=True)
class Source:
    """The file of an unpickled value: its storages by their keys, and their byte order."""

    path: Path
    storages: Mapping[str, Span]
    big_endian: bool
    script: bool = False  # a TorchScript archive, which has constants too
    links: tuple[str, ...] = ()  # members of the zip that are marked as links


def contents(source: Source, machine: Machine) -> Contents:
    """The tensors and facts in an unpickled checkpoint, every view checked against its storage."""
    root = machine.value if isinstance(machine.value, dict | list | tuple | Foreign) else {"tensor": machine.value}
    entries = list(walk(root))
    names = _names(entries)
    tensors: dict[str, Array] = {}
    exclusions: dict[str, Aside] = {}
    shares: dict[str, Share] = {}
    for entry, name in zip(entries, names, strict=True):
        check_new_name(name, name in tensors or name in exclusions or name in shares, "Save a plain state dict.")
        if isinstance(entry.leaf, Sharded) and entry.reason is None:
            shares[name] = _share(name, entry.leaf, source)
            continue
        array = _array(name, entry.leaf, source)
        if isinstance(array, Aside) or entry.reason is not None:
            exclusions[name] = _set_aside(array, entry.reason)
        else:
            tensors[name] = array
    check_growth(source.path, tensors)
    return Contents(tensors, _facts(root, entries) | _foreign(machine), exclusions, shares=shares)


def _names(entries: Sequence[Entry]) -> list[str]:
    """What each tensor is called: its keys, without those of the part that holds the weights.

    Where a tensor next to that part then has the name of one in it, all keep their keys.
    """
    prefix = _prefix([entry.keys for entry in entries if entry.reason is None])
    short = [_dotted_name(e.keys[len(prefix) :] if e.keys[: len(prefix)] == prefix else e.keys) for e in entries]
    return short if len(set(short)) == len(short) else [entry.name for entry in entries]


def _dotted_name(keys: Keys) -> str:
    return ".".join(keys)


def _prefix(paths: Sequence[Keys]) -> Keys:
    """The keys of the part that holds the weights: as long as there is one part only, or one known for them."""
    prefix: Keys = ()
    for depth in range(DEEPEST):
        members = [keys for keys in paths if keys[:depth] == prefix and len(keys) > depth]
        parts = dict.fromkeys(keys[depth] for keys in members if len(keys) > depth + 1)
        leaves = any(len(keys) == depth + 1 for keys in members)
        inner = [key for key in NESTED if key in parts]
        if not inner and len(parts) == 1 and not leaves:
            inner = [key for key in parts if depth == 0 and _is_container(key)]
        if not inner:
            return prefix
        prefix = (*prefix, inner[0])
    return prefix


def _is_container(key: str) -> bool:
    """Whether a key that nothing stands next to is that of a container, and no part of a name, like a module's."""
    return not {"params", "state", "dict", "model", "weights", "ema", "net"}.isdisjoint(tokens(key))


def _share(name: str, held: Sharded, source: Source) -> Share:
    """The parts of a tensor that one rank has, where they lie in its file."""
    return Share(tuple((shard.offsets, locate_tensor(name, shard.view, source)) for shard in held.shards), held.size)


def _array(name: str, leaf: View | Ndarray | Unreadable | Sharded, source: Source) -> Array | Aside:
    if isinstance(leaf, Sharded):
        dtype = leaf.shards[0].view.dtype if leaf.shards else "float32"
        return Aside(leaf.size, dtype, 0, "")
    if isinstance(leaf, View):
        stored = locate_tensor(name, leaf, source)
        return stored if len(stored.shape) <= MOST_DIMENSIONS else too_many_dimensions(stored)
    if isinstance(leaf, Ndarray):
        return _of_numpy(name, leaf, source.path)
    return Aside(leaf.shape, leaf.dtype, 0, leaf.reason)


def _set_aside(array: Array | Aside, reason: str | None) -> Aside:
    if reason is None and isinstance(array, Aside):
        return array
    return Aside(array.shape, array.dtype, array.nbytes, reason or "")


def _of_numpy(name: str, array: Ndarray, path: Path) -> Array | Aside:
    """An array of NumPy as a tensor; one of text or Python objects is set aside."""
    dtype = NUMPY.get(array.dtype.code) if array.dtype is not None else None
    if dtype is None or array.dtype is None:
        code = "" if array.dtype is None else array.dtype.code
        return Aside(array.shape, "object", 0, f"a NumPy array of dtype {escape(code) or 'unknown'}, no numbers")
    if array.data is None:
        raise _bad(name, "a NumPy array without its bytes")
    if len(array.shape) > MOST_DIMENSIONS:
        return too_many_dimensions(Stored(path, 0, array.shape, dtype))
    big = array.dtype.order == ">"
    if isinstance(array.data, Bytes):
        file_array = Stored(path, array.data.start, array.shape, dtype, _strides(array), big)
        if array.data.nbytes != file_array.nbytes:
            raise _bad(name, f"its array takes {file_array.nbytes:,} bytes and has {array.data.nbytes:,}")
        return file_array
    memory_array = Held(path, array.data, array.shape, dtype, array.fortran, big)
    if isinstance(array.data, bytes):
        fits = len(array.data) == memory_array.nbytes
    else:  # text takes one or two bytes for each of the array's
        fits = array.data.nbytes // 2 <= memory_array.nbytes <= array.data.nbytes
    if not fits:
        raise _bad(name, f"its array of {memory_array.nbytes:,} bytes does not fit the bytes that it has")
    return memory_array


def _strides(array: Ndarray) -> tuple[int, ...] | None:
    """Of an array in Fortran order: the first axis runs fastest."""
    if not array.fortran or len(array.shape) < 2:
        return None
    steps, step = [], 1
    for length in array.shape:
        steps.append(step)
        step *= length
    return tuple(steps)


def locate_tensor(name: str, view: View, source: Source) -> Stored:
    shape, strides = view.shape, view.strides
    if not all(_is_count(number) for number in (*shape, *strides, view.offset, view.storage.count)):
        raise _bad(name, "its shape, strides and offset are not whole numbers from 0 up")
    if len(shape) != len(strides) or len(shape) > MOST_LISTED:
        raise _bad(name, f"it has {len(shape)} dimensions and {len(strides)} strides")
    width, span = DTYPES[view.dtype].bits // 8, source.storages.get(view.storage.key)
    if span is None:
        raise _bad(name, f"its storage {escape(view.storage.key)} is not in the file")
    capacity = view.storage.count * (DTYPES[view.storage.dtype].bits // 8)
    need = (view.offset + extent(shape, strides)) * width
    if need > capacity or capacity > span.nbytes:
        raise _bad(name, f"it takes {need:,} bytes of a storage that states {capacity:,} and has {span.nbytes:,}")
    start = span.start + view.offset * width
    dense = None if _contiguous(shape, strides) else strides
    return Stored(source.path, start, shape, view.dtype, dense, source.big_endian, span.checksum)


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**56


def _contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    step = 1
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length != 1 and stride != step:
            return 0 in shape
        step *= length
    return True


def _bad(name: str, reason: str) -> DamagedFile:
    return DamagedFile(
        f"tensor {escape(name)}: {reason}. The file is damaged: download or save it again.", "bad-offsets"
    )


def check_growth(path: Path, tensors: Mapping[str, Array]) -> None:
    size, total = path.stat().st_size, sum(tensor.nbytes for tensor in tensors.values())
    if total > MOST_GROWTH * size + FREE_GROWTH:
        raise UnsafeFile(
            f"its tensors share storages, and take {total:,} bytes out of a file of {size:,}. "
            "Save it as safetensors, each tensor once.",
            "unbounded",
        )


def _facts(root: Any, entries: Sequence[Entry]) -> dict[str, Fact]:
    """The plain values next to the weights and next to the parts that they lie in."""
    values: dict[Any, Any] = {}
    level = root
    for key in (*_prefix([entry.keys for entry in entries if entry.reason is None]), None):
        if not isinstance(level, dict):
            break
        values |= level
        level = next((value for name, value in level.items() if key_text(name) == key), None)
    return {**text_facts(values), **training_settings(root)}


def _foreign(machine: Machine) -> dict[str, Fact]:
    """The classes whose objects were kept as placeholders."""
    names = sorted(machine.foreign)
    if not names:
        return {}
    rest = f" and {len(names) - MOST_FOREIGN} more" if len(names) > MOST_FOREIGN else ""
    return {"foreign_objects": printable(", ".join(map(str, names[:MOST_FOREIGN])) + rest)}
