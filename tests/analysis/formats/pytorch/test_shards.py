"""Places of parts, as DTensors say them on meshes of several dimensions: each rank in turn, without the others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, Shard

from analysis.errors import CheckpointError
from analysis.formats import open_checkpoint
from analysis.formats.pytorch.objects import Foreign, Sharded, Storage, View
from analysis.formats.pytorch.objects import Shard as Part
from analysis.formats.pytorch.shards import shards_of

WHOLE = torch.arange(7 * 5, dtype=torch.float32).reshape(7, 5)
MESH = (2, 2)


@contextmanager
def rank_of(rank: int) -> Iterator[None]:
    """One of four ranks, whose messages go nowhere."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=4)
    try:
        yield
    finally:
        dist.destroy_process_group()


def save(folder: Path, placements: Sequence[Placement], local: list[Tensor]) -> list[Path]:
    paths = [folder / f"rank{rank}.pt" for rank in range(4)]
    for rank, path in enumerate(paths):
        with rank_of(rank):
            mesh = init_device_mesh("cpu", MESH)
            tensor = DTensor.from_local(local[rank], mesh, placements, shape=WHOLE.shape, stride=WHOLE.stride())
            torch.save({"w": tensor, "scale": torch.ones(2)}, path)
    return paths


def locals_of(first: int | None, second: int | None) -> list[Tensor]:
    """The part of each rank, divided along these dimensions, as torch.chunk does."""
    found = []
    for rank in range(4):
        part = WHOLE
        for dimension, place in ((first, rank // 2), (second, rank % 2)):
            part = part if dimension is None else part.chunk(2, dimension)[place]
        found.append(part.clone(memory_format=torch.contiguous_format))
    return found


@pytest.mark.parametrize(
    ("placements", "first", "second"),
    [
        ((Shard(0), Shard(1)), 0, 1),
        ((Shard(1), Shard(0)), 1, 0),
        ((Shard(0), Shard(0)), 0, 0),
        ((Replicate(), Shard(0)), None, 0),
        ((Shard(1), Replicate()), 1, None),
        ((Replicate(), Replicate()), None, None),
    ],
)
def test_four_ranks_make_the_whole(
    placements: Sequence[Placement], first: int | None, second: int | None, tmp_path: Path
) -> None:
    paths = save(tmp_path, placements, locals_of(first, second))
    checkpoint = open_checkpoint(paths)
    assert torch.equal(checkpoint.read("w"), WHOLE)
    assert torch.equal(checkpoint.read("scale"), torch.ones(2))


def test_copies_of_a_part_that_differ(tmp_path: Path) -> None:
    parts = locals_of(None, 0)
    parts[2] = parts[2] + 1
    with pytest.raises(CheckpointError, match="different values"):
        open_checkpoint(save(tmp_path, (Replicate(), Shard(0)), parts))


def test_sums_that_are_still_to_be_made_are_no_parts(tmp_path: Path) -> None:
    paths = save(tmp_path, (Shard(0), Partial()), locals_of(0, None))
    checkpoint = open_checkpoint(paths[:1])
    assert "does not say which" in checkpoint.aside["w"].reason


VIEW = View(Storage("0", "float32", 6), 0, (2, 3), (3, 1), "float32")


def placed(**said: object) -> Foreign:
    placement = Foreign("x.Shard", state={"dim": said.get("dim", 0)})
    mesh = Foreign(
        "x.DeviceMesh", state={"_coordinate_on_dim": said.get("place", [1]), "mesh": said.get("mesh", RANKS)}
    )
    meta = Foreign("x.TensorMeta", (said.get("size", (4, 3)),))
    spec = Foreign("x.Spec", state={"mesh": mesh, "placements": (placement,), "tensor_meta": meta})
    return Foreign("torch.distributed._tensor.api.DTensor", state={"_local_tensor": VIEW, "_spec": spec})


RANKS = View(Storage("1", "int32", 2), 0, (2,), (1,), "int32")


def test_a_mesh_as_older_versions_pickle_it() -> None:
    assert shards_of(placed()) == Sharded((Part(VIEW, (2, 0)),), (4, 3))


@pytest.mark.parametrize(
    "said",
    [
        {"dim": 5}, {"dim": -1}, {"dim": True}, {"dim": "x"}, {"place": [2]}, {"place": [0, 1]}, {"place": None},
        {"mesh": None}, {"size": (6, 3)}, {"size": "x"}, {"size": (4, -3)}, {"place": [-1]},
    ],
)  # fmt: skip
def test_places_that_make_no_sense_say_nothing(said: dict[str, object]) -> None:
    assert shards_of(placed(**said)) is None


@pytest.mark.parametrize(
    "state", [None, (), ([],), ([1], Foreign("m", state={"size": (2,)})), ("x", "y"), ([], Foreign("m"))]
)
def test_sharded_tensors_without_their_places(state: object) -> None:
    assert shards_of(Foreign("x.ShardedTensor", (state,))) is None
