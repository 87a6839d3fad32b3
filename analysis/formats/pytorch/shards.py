"""Where the part of a tensor that one rank saved lies in the whole: DTensor and ShardedTensor, as their pickles say.

torch/distributed/tensor/_api.py and placement_types.py: a DTensor has a mesh of ranks, this rank's place on it, and how
each dimension of the mesh divides the tensor: as torch.chunk does (Shard), or not at all (Replicate).
torch/distributed/_shard/sharded_tensor/api.py: a ShardedTensor has its shards, each with its offsets and sizes.
"""

import math
from collections.abc import Sequence
from typing import Any

from analysis.formats.pytorch.objects import Foreign, Shard, Sharded, View

Counts = tuple[int, ...]


def shards_of(value: Foreign) -> Sharded | None:
    """The parts that the object holds, with their places; None where it does not say them."""
    return _of_dtensor(value) if value.name.endswith(".DTensor") else _of_sharded(value)


def _of_dtensor(value: Foreign) -> Sharded | None:
    local, spec = value.state.get("_local_tensor"), _foreign(value.state.get("_spec"))
    if not isinstance(local, View) or spec is None:
        return None
    meta, mesh = _foreign(spec.state.get("tensor_meta")), _foreign(spec.state.get("mesh"))
    size = _counts(meta.arguments[0]) if meta is not None and meta.arguments else None
    placements = spec.state.get("placements")
    if size == local.shape:  # one rank, or replicated
        return Sharded((Shard(local, (0,) * len(size)),), size)
    if size is None or mesh is None or not isinstance(placements, tuple | list):
        return None
    place, ranks = _counts(mesh.state.get("_coordinate_on_dim")), _mesh_shape(mesh)
    if place is None or ranks is None or not len(place) == len(ranks) == len(placements):
        return None
    box = _box(size, placements, place, ranks)
    if box is None or box[1] != local.shape:
        return None
    return Sharded((Shard(local, box[0]),), size)


def _mesh_shape(mesh: Foreign) -> Counts | None:
    """How many ranks each dimension of the mesh has."""
    held = mesh.state.get("mesh", mesh.state.get("_mesh"))
    if isinstance(held, View):
        return held.shape
    layout = _foreign(mesh.state.get("_layout"))
    axes = layout.state.get("axes") if layout is not None else None
    if not isinstance(axes, tuple | list):
        return None
    shapes = [_counts(axis.state.get("shape")) if isinstance(axis, Foreign) else None for axis in axes]
    return tuple(math.prod(shape) for shape in shapes if shape is not None) if None not in shapes else None


def _box(size: Counts, placements: Sequence[Any], place: Counts, ranks: Counts) -> tuple[Counts, Counts] | None:
    """Offsets and lengths of one rank's part; None where a dimension is divided in another way."""
    offsets, lengths = [0] * len(size), list(size)
    for placement, here, count in zip(placements, place, ranks, strict=True):
        kind = placement.name.rpartition(".")[2] if isinstance(placement, Foreign) else ""
        if kind == "Replicate":
            continue
        said = (*placement.state.values(), *placement.arguments) if kind == "Shard" else ()
        if len(said) != 1 or type(said[0]) is not int or not 0 <= said[0] < len(size) or not here < count:
            return None
        each = -(-lengths[said[0]] // count)
        start = min(here * each, lengths[said[0]])
        offsets[said[0]] += start
        lengths[said[0]] = min(each, lengths[said[0]] - start)
    return tuple(offsets), tuple(lengths)


def _of_sharded(value: Foreign) -> Sharded | None:
    state = value.arguments[-1] if value.arguments else None
    held = state[0] if isinstance(state, tuple | list) and len(state) > 1 else None
    metadata = _foreign(state[1]) if isinstance(state, tuple | list) and len(state) > 1 else None
    size = _counts(metadata.state.get("size")) if metadata is not None else None
    if size is None or not isinstance(held, tuple | list):
        return None
    shards = [_shard(shard) for shard in held]
    found = tuple(shard for shard in shards if shard is not None and len(shard.offsets) == len(size))
    return Sharded(found, size) if len(found) == len(shards) else None


def _shard(value: Any) -> Shard | None:
    """One shard; None where its sizes are not those of its tensor."""
    if not isinstance(value, Foreign):
        return None
    tensor, metadata = value.state.get("tensor"), _foreign(value.state.get("metadata"))
    offsets = _counts(metadata.state.get("shard_offsets")) if metadata is not None else None
    if not isinstance(tensor, View) or metadata is None or offsets is None:
        return None
    return Shard(tensor, offsets) if _counts(metadata.state.get("shard_sizes")) == tensor.shape else None


def _foreign(value: Any) -> Foreign | None:
    return value if isinstance(value, Foreign) else None


def _counts(numbers: Any) -> Counts | None:
    whole = isinstance(numbers, tuple | list) and all(type(n) is int and 0 <= n < 2**56 for n in numbers)
    return tuple(numbers) if whole else None
