"""Checkpoints in several parts, through an upload: the service reads what `analyze FOLDER` reads."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load
from sqlalchemy import select
from torch.distributed.checkpoint.state_dict_saver import save

from analysis.formats import open_checkpoint
from app.cli.remote.files import to_send
from app.models import Checkpoint, Tensor
from tests.analysis.formats.parallel import llamas, megatrons, zero_checkpoints
from tests.service import Service
from workers.ingest import task as intake

GOLDEN = Path(__file__).parents[2] / "golden" / "zero"


def meta(folder: Path) -> Path:
    llamas.write(llamas.cut(llamas.llama(), 2, embedding=0), folder)
    return folder


def meta_safetensors(folder: Path) -> Path:
    llamas.write_safetensors(llamas.cut(llamas.llama(), 2), folder)
    return folder


def zero(folder: Path) -> Path:
    return zero_checkpoints.write(zero_checkpoints.roots(3, 2, zero_checkpoints.weights()), folder)


def deepspeed(folder: Path) -> Path:
    return GOLDEN / "stage2"


def megatron(folder: Path) -> Path:
    megatrons.write(megatrons.roots(megatrons.model(), 2, megatrons.arguments(2)), folder)
    return folder


def distributed(folder: Path) -> Path:
    weights = {f"layers.{layer}.w1.weight": torch.randn(12, 8) for layer in range(3)}
    with warnings.catch_warnings(action="ignore"):  # that there is no process group
        save({"model": weights}, checkpoint_id=str(folder), no_dist=True)
    return folder


@pytest.mark.parametrize("make", [meta, meta_safetensors, zero, deepspeed, megatron, distributed])
def test_an_upload_is_read_as_its_folder_is(make: Callable[[Path], Path], service: Service, tmp_path: Path) -> None:
    folder = make(tmp_path)
    wanted = open_checkpoint([folder])
    service.send("parts", {name: path.read_bytes() for name, path in to_send([folder])})
    intake.ingest_checkpoint(service.database, service.storage, service.settings, 1)
    with service.database.reading() as session:
        row = session.get_one(Checkpoint, 1)
        listed = {tensor.info["name"]: tensor.info["skip"] for tensor in session.scalars(select(Tensor))}
    assert (row.state, row.reason) == ("ready", None)
    assert listed == {info.name: info.skip for info in wanted.tensors}
    if row.rewritten is not None:
        stored = load(service.storage.path(row.rewritten).read_bytes())
        assert all(torch.equal(stored[name], wanted.read(name)) for name in wanted.stored)
    service.run(1)
    service.work()
    coverage = service.get("/api/v1/runs/1/report")["coverage"]
    assert coverage["analysed"] == sum(info.skip is None for info in wanted.tensors) > 0
