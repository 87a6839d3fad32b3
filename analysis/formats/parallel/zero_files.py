"""The files of DeepSpeed's ZeRO: `…_model_states.pt` with names and shapes, `…_optim_states.pt` with flat partitions.

deepspeed/runtime/engine.py names them, and deepspeed/utils/zero_to_fp32.py says what is in them. They are read as data:
of each partition only its place in the file.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import CheckpointError, DamagedFile, UnknownFormat, escape
from analysis.formats.parts import EMPTY, OPTIMIZER
from analysis.formats.pytorch.archive import is_zip, read_archive
from analysis.formats.pytorch.objects import Foreign, View
from analysis.formats.pytorch.state import Source, locate_tensor
from analysis.formats.pytorch.walk import walk
from analysis.formats.stored import MOST_DIMENSIONS, Aside, Stored

PARTITIONS = re.compile(r"(?:\w+_)?zero_pp_rank_(\d{1,6})_mp_rank_(\d{1,4})_?optim_states\.pt")
SHAPES = re.compile(r"(?:zero_pp_rank_(\d{1,6})_)?mp_rank_(\d{1,4})_model_states\.pt")
EXPERTS = re.compile(r"(?:layer_\d+_)?expert_\d+_.*model_states\.pt|expp_rank_\d+_.*optim_states\.pt")
STATE = "optimizer_state_dict"
GROUPS = {1: "single_partition_of_fp32_groups", 2: "single_partition_of_fp32_groups", 3: "fp32_flat_groups"}
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ZeroFiles:
    """The partitions by their rank, and the files with names and shapes: by rank for stage 3, else one, of rank 0."""

    partitions: Mapping[int, Path]
    models: Mapping[int, Path]

    @property
    def paths(self) -> list[Path]:
        return [*self.models.values(), *self.partitions.values()]


@dataclass(frozen=True, slots=True)
class Partition:
    """What one rank has of the weights: its flat groups; and what else is in its file."""

    stage: int
    counts: tuple[int, ...]  # partitions of the groups, or of all of them
    groups: tuple[Stored, ...]
    paddings: tuple[tuple[int, ...], ...] | None  # behind each parameter of each group, where the file says so
    aside: Mapping[str, Aside]


def find_zero(files: Iterable[Path]) -> ZeroFiles | None:
    """The files of ZeRO among these; None where there are none. Raises CheckpointError where they are of more."""
    partitions: dict[int, Path] = {}
    models: dict[int, Path] = {}
    ranks: set[int] = set()
    experts = ""
    for path in files:
        if match := PARTITIONS.fullmatch(path.name):
            _add(partitions, int(match[1]), path)
        elif match := SHAPES.fullmatch(path.name):
            _add(models, int(match[1] or 0), path)
        elif EXPERTS.fullmatch(path.name):
            experts = path.name
        if match:
            ranks.add(int(match[2]))
    if not partitions:
        if len(models) > 1:
            raise UnknownFormat(f"{escape(models[min(models)].name)} and others: {EMPTY}", "empty-tensors")
        return None
    if ranks != {0} or experts:
        raise _several_ranks(experts or partitions[min(partitions)].name, bool(experts))
    return ZeroFiles(dict(sorted(partitions.items())), dict(sorted(models.items())))


def _add(found: dict[int, Path], rank: int, path: Path) -> None:
    if rank in found and path.parent != found[rank].parent:
        text = f"{escape(path.name)} is there twice, in two folders. Give one of them (the file “latest” names it)."
        raise DamagedFile(text, "duplicate-tensor")
    if rank not in found or "_mp_rank_00_" in path.name:
        found[rank] = path


def _several_ranks(name: str, experts: bool) -> CheckpointError:
    what = "experts are divided among its ranks" if experts else "each tensor is divided among model-parallel ranks too"
    return UnknownFormat(
        f"{escape(name)}: partitions of DeepSpeed's ZeRO, in which {what}, and the files do not say how. Save the "
        "model from the training, gathered on one rank.",
        "tensor-parallel",
    )


def read_root(path: Path) -> tuple[Source, dict[Any, Any]]:
    """The file's dict as data, and where its storages lie."""
    with path.open("rb") as file:
        if not is_zip(file.read(4)):
            raise UnknownFormat(f"{escape(path.name)} is not in the format of torch.save since PyTorch 1.6")
    try:
        source, machine = read_archive(path)
    except CheckpointError as error:
        raise type(error)(f"{escape(path.name)}: {error}", error.code) from None
    if not isinstance(machine.value, dict):
        raise DamagedFile(f"{escape(path.name)} holds no dict. Save the checkpoint again.", "bad-header")
    return source, machine.value


def read_partition(path: Path) -> Partition:
    """What one `…_optim_states.pt` says and holds."""
    source, root = read_root(path)
    state = root.get(STATE)
    if not isinstance(state, dict) or (stage := _whole_number(state.get("zero_stage"))) not in GROUPS:
        raise UnknownFormat(
            f"{escape(path.name)} does not say that it is of ZeRO stage 1, 2 or 3, and so not how the weights lie in "
            "it. Give mp_rank_00_model_states.pt alone, where it holds the weights.",
            "flat-optimizer",
        )
    counts = state.get("partition_count")
    counts = counts if isinstance(counts, list | tuple) else [counts]
    views = state.get(GROUPS[stage])
    if not all(_is_count(count) for count in counts) or not isinstance(views, list | tuple) or not views:
        raise damaged(path, f"has no partition_count or no {GROUPS[stage]}")
    if not all(isinstance(view, View) for view in views):
        raise damaged(path, f"has other things than tensors in its {GROUPS[stage]}")
    groups = tuple(located(path, f"{GROUPS[stage]}.{place}", view, source) for place, view in enumerate(views))
    return Partition(
        stage, tuple(counts), groups, _paddings(path, state), _list_moments(path, root, source, GROUPS[stage])
    )


def located(path: Path, name: str, view: View, source: Source) -> Stored:
    """The tensor in its file; an error names the file."""
    try:
        return locate_tensor(name, view, source)
    except CheckpointError as error:
        raise type(error)(f"{escape(path.name)}: {error}", error.code) from None


def _paddings(path: Path, state: Mapping[Any, Any]) -> tuple[tuple[int, ...], ...] | None:
    told = state.get("param_alignment_paddings")
    if told is None:
        return None
    if not isinstance(told, list | tuple) or not all(_are_counts(each) for each in told):
        raise damaged(path, "has other things than whole numbers in its param_alignment_paddings")
    return tuple(map(tuple, told))


def _list_moments(path: Path, root: Any, source: Source, groups: str) -> dict[str, Aside]:
    """The moments beside the weights, each with its reason."""
    found: dict[str, Aside] = {}
    for entry in walk(root):
        if entry.keys[:2] != (STATE, groups) and isinstance(entry.leaf, View):
            stored = located(path, entry.name, entry.leaf, source)
            found[f"{path.stem}.{entry.name}"] = Aside(stored.shape, stored.dtype, stored.nbytes, OPTIMIZER)
    return found


def shapes_of(path: Path, told: Any, key: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes, as `param_shapes` has them."""
    if not isinstance(told, dict):
        raise damaged(path, f"has no {key}")
    for name, shape in told.items():
        if not isinstance(name, str) or not _are_counts(shape) or len(shape) > MOST_DIMENSIONS:
            raise damaged(path, f"has a {key} without the shape of {escape(name)}")
        if math.prod(shape) >= 2**56:
            raise damaged(path, f"says that {escape(name)} has {math.prod(shape):,} elements")
    return {name: tuple(shape) for name, shape in told.items()}


def damaged(path: Path, why: str) -> DamagedFile:
    return DamagedFile(f"{escape(path.name)} {why}. Save the checkpoint again.", "bad-header")


def _whole_number(value: Any) -> int:
    """A whole number, also as the enumeration that DeepSpeed pickles; 0 for anything else."""
    if isinstance(value, Foreign) and len(value.arguments) == 1:
        value = value.arguments[0]
    return value if type(value) is int else 0


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**56


def _are_counts(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(map(_is_count, values))
