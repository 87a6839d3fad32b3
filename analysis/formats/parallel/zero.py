"""DeepSpeed's ZeRO checkpoints: the float32 weights put together of the partitions of all ranks.

The layout, as deepspeed/utils/zero_to_fp32.py documents it: stages 1 and 2 lay the parameters of a group end to end,
pad them, and cut that vector among the ranks; stage 3 cuts each parameter into as many equal shares as there are ranks,
the last one padded, and each rank lays its shares end to end. The names, shapes and order are `param_shapes`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import DamagedFile, MissingShard, UnsafeFile, escape
from analysis.formats.hostile_json import text_facts
from analysis.formats.parallel.flat import Partitioned, Vector, vector_of
from analysis.formats.parallel.zero_files import (
    Partition,
    Shapes,
    ZeroFiles,
    damaged,
    located,
    read_partition,
    read_root,
    shapes_of,
)
from analysis.formats.pytorch.objects import View
from analysis.formats.pytorch.settings import training_settings
from analysis.formats.pytorch.state import FREE_GROWTH, MOST_GROWTH, Source
from analysis.formats.safetensors import check_new_name
from analysis.formats.stored import Array, Aside, Contents, Fact, Stored

COPY = "a copy of the weights in the training's precision: those of the partitions are read"
NOWHERE = "its values are in none of the partitions, and are not in the file"
MODEL = "module"


@dataclass(frozen=True, slots=True)
class Model:
    """What a file of names and shapes says."""

    path: Path
    source: Source
    root: Mapping[Any, Any]

    def views(self, key: str) -> dict[str, View]:
        held = self.root.get(key)
        inside = held.items() if isinstance(held, dict) else ()
        return {name: leaf for name, leaf in inside if isinstance(name, str) and isinstance(leaf, View)}

    def shapes(self, key: str) -> Sequence[Shapes]:
        told = self.root.get(key)
        told = told if isinstance(told, list | tuple) else [told]
        return [shapes_of(self.path, group, key) for group in told]

    def located(self, name: str, view: View) -> Stored:
        return located(self.path, name, view, self.source)


def read_zero(files: ZeroFiles) -> Contents:
    """The weights of all ranks. Raises MissingShard where a rank's file is missing, DamagedFile where they disagree."""
    partitions = [read_partition(path) for path in files.partitions.values()]
    _check_ranks(files, partitions)
    models = _read_models(files, partitions[0].stage)
    first = models[min(models)]
    tensors: dict[str, Array] = {}
    for name, array in _read_frozen(files, models, partitions[0].stage).items():
        _add(tensors, name, array)
    for name, array in _read_trained(files, first, partitions).items():
        _add(tensors, name, array)
    aside = _add_module(first, tensors)
    for partition in partitions:
        aside |= partition.aside
    _check_growth(files, tensors)
    facts: dict[str, Fact] = {"parts": len(partitions), "zero_stage": partitions[0].stage}
    return Contents(tensors, {**text_facts(first.root), **training_settings(first.root), **facts}, aside)


def _add(tensors: dict[str, Array], name: str, array: Array) -> None:
    check_new_name(name, name in tensors, "Save the checkpoint again.")
    tensors[name] = array


def _check_ranks(files: ZeroFiles, partitions: Sequence[Partition]) -> None:
    """All ranks are there, and all of one save."""
    count, name = max(partitions[0].counts, default=0), next(iter(files.partitions.values())).name
    told = {(partition.stage, partition.counts, len(partition.groups)) for partition in partitions}
    if len(told) > 1 or set(partitions[0].counts) != {count}:
        text = "say different stages, partition counts or groups: of different saves, or of experts among the ranks"
        raise DamagedFile(f"{escape(name)} and the others {text}. Give the files of one save.", "bad-header")
    missing = [rank for rank in range(min(count, len(partitions) + 8)) if rank not in files.partitions]
    if missing:
        listed = ", ".join(map(str, missing[:8]))
        raise MissingShard(
            f"{escape(name)} is one of {count:,} partitions, and that of rank {listed} is not there. Give the whole "
            "folder; of stage 1 and 2 mp_rank_00_model_states.pt alone has the weights in the training's precision."
        )
    if len(partitions) > count:
        text = f"says that there are {count:,} partitions, and there are {len(partitions):,} files: of different saves"
        raise DamagedFile(f"{escape(name)} {text}. Give the files of one.", "bad-header")


def _read_models(files: ZeroFiles, stage: int) -> dict[int, Model]:
    if 0 not in files.models:
        example = "zero_pp_rank_0_mp_rank_00_model_states.pt" if stage == 3 else "mp_rank_00_model_states.pt"
        raise MissingShard(f"{example} is not there, which has the names and shapes. Give the whole folder.")
    found = {0: Model(files.models[0], *read_root(files.models[0]))}
    if stage == 3 and found[0].root.get("frozen_param_shapes"):
        found |= {rank: Model(path, *read_root(path)) for rank, path in files.models.items() if rank}
    return found


def _read_trained(files: ZeroFiles, model: Model, partitions: Sequence[Partition]) -> dict[str, Array]:
    groups = model.shapes("param_shapes")
    if partitions[0].stage == 3:
        vectors = [
            vector_of(partition.groups, path.name)
            for path, partition in zip(files.partitions.values(), partitions, strict=True)
        ]
        merged = {name: shape for group in groups for name, shape in group.items()}
        return _cut_shares(merged, vectors, model)
    if len(groups) != len(partitions[0].groups):
        why = f"names {len(groups)} groups, and the partitions have {len(partitions[0].groups)}"
        raise damaged(model.path, why)
    found: dict[str, Array] = {}
    for place, shapes in enumerate(groups):
        vector = vector_of([partition.groups[place] for partition in partitions], f"group {place}")
        found |= _end_to_end(shapes, vector, _padding(model, partitions[0], place, len(shapes)), model, len(partitions))
    return found


def _padding(model: Model, partition: Partition, place: int, count: int) -> Sequence[int]:
    """What follows each parameter of a group."""
    told = partition.paddings
    if told is None:
        return [0] * count
    if place >= len(told) or len(told[place]) != count:
        raise damaged(model.path, f"names {count} parameters in group {place}, and the partitions pad others")
    return told[place]


def _end_to_end(shapes: Shapes, vector: Vector, paddings: Sequence[int], model: Model, ranks: int) -> dict[str, Array]:
    """Stages 1 and 2: the vector is padded to a multiple of twice the ranks."""
    found: dict[str, Array] = {}
    start = 0
    for (name, shape), padding in zip(shapes.items(), paddings, strict=True):
        size = math.prod(shape)
        if start + size > vector.size:
            raise _wrong_size(model, start + size, vector.size)
        found[name] = Partitioned((vector,), start, size, shape, vector.dtype)
        start += size + padding
    if -(-start // (2 * ranks)) != -(-vector.size // (2 * ranks)):
        raise _wrong_size(model, start, vector.size)
    return found


def _cut_shares(shapes: Shapes, vectors: Sequence[Vector], model: Model) -> dict[str, Array]:
    """Stage 3: an equal share of each parameter in each vector."""
    size, dtype = vectors[0].size, vectors[0].dtype
    if any((vector.size, vector.dtype) != (size, dtype) for vector in vectors):
        raise damaged(model.path, "stands beside partitions of different sizes, of different saves")
    found: dict[str, Array] = {}
    start, held = 0, tuple(vectors)
    for name, shape in shapes.items():
        each = -(-math.prod(shape) // len(held))
        found[name] = Partitioned(held, start, each, shape, dtype)
        start += each
    if start != size:
        raise _wrong_size(model, start, size)
    return found


def _wrong_size(model: Model, wanted: int, there: int) -> DamagedFile:
    return DamagedFile(
        f"{escape(model.path.name)} names parameters of {wanted:,} elements, and the partitions have {there:,}: of "
        "different saves or models. Give the files of one save.",
        "bad-offsets",
    )


def _read_frozen(files: ZeroFiles, models: Mapping[int, Model], stage: int) -> dict[str, Array]:
    """Parameters that were not trained: whole in stages 1 and 2, a share in the file of each rank in stage 3."""
    first = models[0]
    if not first.root.get("frozen_param_shapes"):
        return {}
    (shapes,) = first.shapes("frozen_param_shapes")
    held = [models[0]] if stage < 3 else [_model_of(models, rank) for rank in files.partitions]
    fragments = [(model, model.views("frozen_param_fragments")) for model in held]
    return {name: _frozen_tensor(name, shape, fragments) for name, shape in shapes.items()}


def _model_of(models: Mapping[int, Model], rank: int) -> Model:
    if rank not in models:
        text = f"the …_model_states.pt of rank {rank} is not there, which has its share of the frozen weights"
        raise MissingShard(f"{text}. Give the whole folder.")
    return models[rank]


def _frozen_tensor(name: str, shape: tuple[int, ...], fragments: Sequence[tuple[Model, Mapping[str, View]]]) -> Array:
    stored = [model.located(name, views[name]) for model, views in fragments if name in views]
    if len(stored) == len(fragments) == 1 and stored[0].shape == shape:
        return stored[0]
    each = -(-math.prod(shape) // len(fragments))
    if len(stored) < len(fragments) or any(part.shape != (each,) for part in stored):
        raise damaged(fragments[0][0].path, f"has no fragments of the shape of {escape(name)}, which is frozen")
    vectors = tuple(vector_of([part], name) for part in stored)
    return Partitioned(vectors, 0, each, shape, stored[0].dtype)


def _add_module(model: Model, tensors: dict[str, Array]) -> dict[str, Aside]:
    """Buffers, tied weights and what no optimizer had, from the file of names; what is there twice is set aside."""
    module = model.views(MODEL)
    places = {_place(module[name]): name for name in reversed(list(tensors)) if name in module}
    aside: dict[str, Aside] = {}
    for name, other in _pairs(model.root.get("shared_params")):
        if other in tensors and name not in tensors:
            _add(tensors, name, tensors[other])
    for name, view in module.items():
        stored = model.located(name, view)
        if name in tensors:
            if stored.size:
                aside[f"{MODEL}.{name}"] = Aside(stored.shape, stored.dtype, stored.nbytes, COPY)
        elif (tied := places.get(_place(view))) is not None:
            _add(tensors, name, tensors[tied])
        elif stored.size or not stored.shape:
            _add(tensors, name, stored)
        else:
            aside[name] = Aside(stored.shape, stored.dtype, 0, NOWHERE)
    return aside


def _place(view: View) -> tuple[str, int, tuple[int, ...]]:
    return view.storage.key, view.offset, view.shape


def _pairs(told: Any) -> list[tuple[str, str]]:
    """Names of tied parameters, each with the one that was saved: a dict, or pairs as older versions wrote."""
    pairs = told.items() if isinstance(told, dict) else told if isinstance(told, list | tuple) else ()
    both = [tuple(pair) for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2]
    return [(name, other) for name, other in both if isinstance(name, str) and isinstance(other, str)]


def _check_growth(files: ZeroFiles, tensors: Mapping[str, Array]) -> None:
    size, whole = sum(path.stat().st_size for path in files.paths), sum(array.nbytes for array in tensors.values())
    if whole > MOST_GROWTH * size + FREE_GROWTH:
        text = f"its tied weights take {whole:,} bytes out of files of {size:,}. Save a plain state dict."
        raise UnsafeFile(text, "unbounded")
