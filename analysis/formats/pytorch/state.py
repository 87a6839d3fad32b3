"""From an unpickled value to tensors: which part of it is the model, and where the numbers of each tensor lie."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import DamagedFile, UnsafeFile, escape
from analysis.formats.dtypes import DTYPES
from analysis.formats.hostile_json import check_name, text_facts
from analysis.formats.pytorch.names import View
from analysis.formats.safetensors import METADATA
from analysis.formats.stored import MOST_DIMENSIONS, Contents, Stored, extent

# where training programs put the weights (PyTorch Lightning, Megatron, nanoGPT, DeepSpeed), in order of preference
NESTED = ("state_dict", "model_state_dict", "model", "module")
# what lies beside the weights in a training checkpoint and is no part of the model
BESIDE = {
    "optimizer", "optimizer_state_dict", "optimizer_states", "optimizers", "optim", "lr_scheduler", "lr_schedulers",
    "scheduler", "scheduler_state_dict", "scaler", "amp", "rng_state", "rng_states", "loops", "callbacks",
}  # fmt: skip
MOST_ENTRIES = 500_000
MOST_NAME_CHARACTERS = 100_000_000
DEEPEST = 64
# Tensors that share one storage are written out one by one; more than this is an attack on the disk.
MOST_GROWTH = 16
FREE_GROWTH = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Span:
    """Where a storage lies in the file."""

    start: int
    nbytes: int


def contents(path: Path, root: Any, storages: Mapping[str, Span], big_endian: bool) -> Contents:
    """The tensors and facts in an unpickled checkpoint, every view checked against its storage."""
    model, facts = _model(root)
    tensors: dict[str, Stored] = {}
    for name, view in _flat(model):
        check_name(name)
        if name in tensors:
            raise DamagedFile(f"tensor {escape(name)} is in it twice. Save a plain state dict.", "duplicate-tensor")
        if name == METADATA:
            raise DamagedFile(f"the name {METADATA} is reserved by safetensors. Give that tensor another.", "bad-name")
        tensors[name] = _locate_tensor(path, name, view, storages, big_endian)
    _check_growth(path, tensors)
    return Contents(tensors, text_facts(facts))


def _model(root: Any) -> tuple[Any, dict[Any, Any]]:
    """The part of a checkpoint that holds the weights, and the plain values on the way to it."""
    facts: dict[Any, Any] = {}
    for _ in range(DEEPEST):
        if not isinstance(root, dict):
            return (root if isinstance(root, list | tuple) else {"tensor": root}), facts
        facts |= root
        inner = [root[key] for key in NESTED if isinstance(root.get(key), dict) and _holds_tensor(root[key])]
        if not inner:
            break
        root = inner[0]
    rest = {key: value for key, value in root.items() if key not in BESIDE}
    return (rest if _holds_tensor(rest) else root), facts


def _holds_tensor(value: Any) -> bool:
    return next(_flat(value), None) is not None


def _flat(root: Any) -> Iterator[tuple[str, View]]:
    """Every tensor with its dotted name, in order. Bounded, also where the value holds itself."""
    entries = characters = 0
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    while waiting:
        name, value, depth = waiting.pop()
        if isinstance(value, View):
            yield name, value
        if not isinstance(value, dict | list | tuple):
            continue
        inside = list(value.items() if isinstance(value, dict) else enumerate(value))
        entries += len(inside)
        named = [(f"{name}.{key}" if depth else str(key), entry, depth + 1) for key, entry in reversed(inside)]
        characters += sum(len(name) for name, _, _ in named)
        if entries > MOST_ENTRIES or characters > MOST_NAME_CHARACTERS or depth >= DEEPEST:
            raise UnsafeFile(
                "its pickle unfolds without bound: it holds itself, or far too many values. Save a plain state dict.",
                "unbounded",
            )
        waiting += named


def _locate_tensor(path: Path, name: str, view: View, storages: Mapping[str, Span], big_endian: bool) -> Stored:
    shape, strides = view.shape, view.strides
    if not all(_is_count(number) for number in (*shape, *strides, view.offset, view.storage.count)):
        raise _bad(name, "its shape, strides and offset are not whole numbers from 0 up")
    if len(shape) != len(strides) or len(shape) > MOST_DIMENSIONS:
        raise _bad(name, f"it has {len(shape)} dimensions and {len(strides)} strides")
    width, span = DTYPES[view.dtype].bits // 8, storages.get(view.storage.key)
    if span is None:
        raise _bad(name, f"its storage {escape(view.storage.key)} is not in the file")
    held = view.storage.count * (DTYPES[view.storage.dtype].bits // 8)
    needed = (view.offset + extent(shape, strides)) * width
    if needed > held or held > span.nbytes:
        raise _bad(name, f"it takes {needed:,} bytes of a storage that states {held:,} and has {span.nbytes:,}")
    start = span.start + view.offset * width
    return Stored(path, start, shape, view.dtype, None if _contiguous(shape, strides) else strides, big_endian)


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**56


def _contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    step = 1
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length != 1 and stride != step:
            return 0 in shape
        step *= length
    return True


def _bad(name: str, why: str) -> DamagedFile:
    return DamagedFile(f"tensor {escape(name)}: {why}. The file is damaged: download or save it again.", "bad-offsets")


def _check_growth(path: Path, tensors: Mapping[str, Stored]) -> None:
    size, whole = path.stat().st_size, sum(tensor.nbytes for tensor in tensors.values())
    if whole > MOST_GROWTH * size + FREE_GROWTH:
        raise UnsafeFile(
            f"its tensors share storages, and take {whole:,} bytes out of a file of {size:,}. "
            "Save it as safetensors, each tensor once.",
            "unbounded",
        )
