"""PyTorch's zip format. Broken archives are in tests/hostile/."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import DamagedFile
from analysis.formats import open_checkpoint, rewrite
from tests.hostile import torch_zip, view_pickle, zipped


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickle(protocol: int, tmp_path: Path) -> None:
    torch.save({"a": torch.arange(6.0).reshape(2, 3)}, tmp_path / "model", pickle_protocol=protocol)
    assert open_checkpoint([tmp_path / "model"]).read("a").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_views_share_their_storage(tmp_path: Path) -> None:
    whole = torch.arange(20.0).reshape(4, 5)
    views = {
        "whole": whole,
        "tied": whole,
        "t": whole.t(),
        "row": whole[1],
        "corner": whole[1:3, ::2],
        "wide": whole[:1].expand(3, 5),
    }
    torch.save(views, tmp_path / "model")
    checkpoint = open_checkpoint([tmp_path / "model"])
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in views.items())
    assert checkpoint.stored["whole"] == checkpoint.stored["tied"]


def test_big_endian_files(tmp_path: Path) -> None:
    numbers = torch.arange(4.0).numpy().astype(">f4").tobytes()
    members = {"m/data.pkl": view_pickle(), "m/byteorder": b"big", "m/data/0": numbers}
    (tmp_path / "model").write_bytes(zipped(members))
    assert open_checkpoint([tmp_path / "model"]).read("weight").tolist() == [[0, 1], [2, 3]]


def test_our_hand_made_archive_is_one_that_torch_reads(tmp_path: Path) -> None:
    numbers = torch.arange(4.0)
    (tmp_path / "model.pt").write_bytes(torch_zip(view_pickle(), [numbers.numpy().tobytes()]))
    theirs = torch.load(tmp_path / "model.pt", weights_only=True)["weight"]
    assert torch.equal(open_checkpoint([tmp_path / "model.pt"]).read("weight"), theirs)


def test_a_deflated_archive_that_torch_misreads_is_refused(tmp_path: Path) -> None:
    """torch.load with mmap=True takes the compressed bytes for the numbers."""
    numbers = torch.zeros(4).numpy().tobytes()
    (tmp_path / "model.pt").write_bytes(torch_zip(view_pickle(), [numbers], zipfile.ZIP_DEFLATED))
    with pytest.raises(Exception, match="is compressed"):
        open_checkpoint([tmp_path / "model.pt"])


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_bit_that_has_changed_is_noticed(place: str, tmp_path: Path) -> None:
    """torch.load notices nothing, and gives another number."""
    numbers = torch.arange(4096.0).reshape(64, 64)
    torch.save({"a": numbers, "b": numbers[:1]}, tmp_path / "model.pt")
    whole = bytearray((tmp_path / "model.pt").read_bytes())
    at = whole.index(numbers.numpy().tobytes()) + (3 if place == "first" else 16383)
    whole[at] ^= 64
    (tmp_path / "model.pt").write_bytes(whole)
    assert not torch.equal(torch.load(tmp_path / "model.pt")["a"], numbers)
    checkpoint = open_checkpoint([tmp_path / "model.pt"])
    for work in (lambda: checkpoint.read("b"), lambda: rewrite(checkpoint, tmp_path / "out.safetensors")):
        with pytest.raises(DamagedFile, match="16,384 bytes at") as caught:
            work()
        assert caught.value.code == "bad-checksum"
    assert not (tmp_path / "out.safetensors").exists()


def test_an_archive_without_checksums_is_read(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.ones(3)}, tmp_path / "model.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert zipfile.ZipFile(tmp_path / "model.pt").testzip() is not None  # as a zip it is damaged
    assert open_checkpoint([tmp_path / "model.pt"]).read("a").tolist() == [1, 1, 1]


class Small(torch.nn.Module):
    """A module with a buffer, a list of modules, and a tied weight."""

    shift: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        first = torch.nn.Linear(6, 6)
        self.blocks = torch.nn.ModuleList([first, torch.nn.Linear(6, 6)])
        self.tied = torch.nn.Linear(6, 6, bias=False)
        self.tied.weight = first.weight
        self.register_buffer("shift", torch.arange(6.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        found: torch.Tensor = self.tied(x) + self.shift
        return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", ["script", "trace", "freeze"])
def test_torchscript_is_read_without_its_program(make: str, tmp_path: Path) -> None:
    module: Any = Small().eval()
    jit: Any = torch.jit
    compiled = jit.trace(module, torch.ones(1, 6)) if make == "trace" else jit.script(module)
    compiled = jit.freeze(compiled) if make == "freeze" else compiled
    compiled.save(str(tmp_path / "model.pt"))
    checkpoint = open_checkpoint([tmp_path / "model.pt"])
    assert checkpoint.facts["archive"] == "TorchScript"
    if make != "freeze":
        wanted = module.state_dict()
        assert checkpoint.stored.keys() == wanted.keys()
        assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in wanted.items())
        assert {info.same_as for info in checkpoint.tensors if info.name == "tied.weight"} == {"blocks.0.weight"}
        return
    names = [name for name in checkpoint.stored if name.startswith("CONSTANTS.c")]
    found = [checkpoint.read(name) for name in names]
    assert any(torch.equal(each, module.blocks[1].weight) for each in found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_next_to_weights_is_left_aside(tmp_path: Path) -> None:
    module = torch.nn.Linear(6, 6)
    traced: Any = torch.jit.trace(module, torch.ones(1, 6))  # type: ignore[no-untyped-call]
    traced.save(str(tmp_path / "traced.pt"))
    torch.save({"fc.weight": torch.ones(6, 6)}, tmp_path / "pytorch_model.bin")
    checkpoint = open_checkpoint([tmp_path])
    assert list(checkpoint.stored) == ["fc.weight"]
    assert "traced.pt" in str(checkpoint.facts["ignored_files"])
