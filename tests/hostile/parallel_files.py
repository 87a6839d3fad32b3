"""Checkpoints in several parts, of which some are missing or contradict the others.

More of each, spoiled field by field, is in tests/analysis/formats/parallel.
"""

import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tests.analysis.formats.parallel import llamas, megatrons, zero_checkpoints
from tests.hostile.base import Build, Hostile

MODEL = llamas.llama(1)
GROUPS = zero_checkpoints.weights()


def saved(files: Mapping[str, Any]) -> Build:
    """Each as torch.save writes it, in folders where its name has them."""

    def build(folder: Path) -> Sequence[Path]:
        for name, value in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            torch.save(value, folder / name)
        return [folder / name for name in files]

    return build


def meta(*numbers: int, count: int = 4) -> dict[str, Any]:
    parts = llamas.cut(MODEL, count)
    return {f"consolidated.{number:02}.pth": parts[number] for number in numbers}


def zero(stage: int, without: str) -> dict[str, Any]:
    return {n: root for n, root in zero_checkpoints.roots(stage, 2, GROUPS).items() if without not in n}


def megatron(ranks: Sequence[int], **said: Any) -> dict[str, Any]:
    files = megatrons.roots(megatrons.model(), 2, megatrons.arguments(2, **said))
    return {f"mp_rank_{rank:02}/model_optim_rng.pt": files[rank] for rank in ranks}


def metadata(folder: Path) -> Sequence[Path]:
    """One that places its tensor in a file outside the folder."""
    from torch.distributed.checkpoint.filesystem import _StorageInfo
    from torch.distributed.checkpoint.metadata import (
        ChunkStorageMetadata,
        Metadata,
        MetadataIndex,
        TensorProperties,
        TensorStorageMetadata,
    )

    chunk = ChunkStorageMetadata(torch.Size([0, 0]), torch.Size([2, 2]))
    tensor = TensorStorageMetadata(TensorProperties(torch.float32), torch.Size([2, 2]), [chunk])
    outside = {MetadataIndex("a", torch.Size([0, 0])): _StorageInfo("../../etc/passwd", 0, 64)}
    buffer = io.BytesIO()
    pickle.dump(Metadata({"a": tensor}, storage_data=outside), buffer)
    (folder / ".metadata").write_bytes(buffer.getvalue())
    (folder / "__0_0.distcp").write_bytes(bytes(64))
    return [folder / ".metadata", folder / "__0_0.distcp"]


PARALLEL = (
    Hostile("Meta: one of four parts", saved(meta(0)), "missing-shard"),
    Hostile("Meta: the last of four parts is missing", saved(meta(0, 1, 2)), "missing-shard"),
    Hostile("Meta: a part of another model", saved({**meta(0, count=2), **{
        "consolidated.01.pth": llamas.cut(MODEL, 4)[1]}}), "bad-offsets"),
    Hostile("ZeRO: a rank is missing", saved(zero(3, "rank_1_mp_rank_00_optim")), "missing-shard"),
    Hostile("ZeRO: names without partitions", saved(zero(3, "optim")), "empty-tensors"),
    Hostile("ZeRO: partitions without names", saved(zero(2, "model")), "missing-shard"),
    Hostile("Megatron: one of two ranks", saved(megatron([0])), "missing-shard"),
    Hostile("Megatron: stages of a pipeline", saved(megatron([0, 1], pipeline_model_parallel_size=2)),
            "tensor-parallel"),
    Hostile("torch.distributed.checkpoint: a file above the folder", metadata, "missing-shard"),
)  # fmt: skip
