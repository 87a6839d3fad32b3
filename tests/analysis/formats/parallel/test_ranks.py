"""What two ranks of FSDP save, by torch itself on two processes, and what is wrong with other files said."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from analysis.errors import CheckpointError, DamagedFile, MissingShard, UnknownFormat
from analysis.formats import open_checkpoint
from analysis.formats.parallel.ranks import join_ranks
from analysis.formats.parts import FLAT
from analysis.formats.stored import Contents, Share, Stored
from tests.analysis.formats.parallel.fsdp_rank import RANKS

ROOT = Path(__file__).parents[4]
BOTH = pytest.mark.parametrize("kind", ["fsdp2", "sharded_state_dict"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fsdp")
    advice = re.search(r"with FSDP.*'model\.pt'\)", FLAT)
    assert advice is not None
    command = [sys.executable, "-W", "ignore", "-m", "tests.analysis.formats.parallel.fsdp_rank"]
    ranks = [subprocess.Popen([*command, str(rank), str(made), advice[0]], cwd=ROOT) for rank in range(RANKS)]
    assert [rank.wait(300) for rank in ranks] == [0] * RANKS
    return made


def paths(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}_*.pt"))


def whole(folder: Path) -> dict[str, Tensor]:
    loaded: dict[str, Tensor] = torch.load(folder / "whole_0.pt")
    return loaded


@BOTH
def test_the_files_of_all_ranks_make_the_model(kind: str, folder: Path) -> None:
    checkpoint, wanted = open_checkpoint(paths(folder, kind)), whole(folder)
    assert checkpoint.stored.keys() == wanted.keys()
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in wanted.items())
    assert checkpoint.facts["parts"] == RANKS


@BOTH
def test_the_file_of_one_rank_says_what_is_missing(kind: str, folder: Path) -> None:
    with pytest.raises(MissingShard, match=r"18 of 30 elements are here\. Give the files of all ranks"):
        open_checkpoint(paths(folder, kind)[:1])


def test_a_full_state_dict_is_the_model(folder: Path) -> None:
    checkpoint, wanted = open_checkpoint(paths(folder, "full_state_dict")[:1]), whole(folder)
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in wanted.items())


def test_flattened_weights_are_refused_with_a_command_that_works(folder: Path) -> None:
    for files in (paths(folder, "local_state_dict"), paths(folder, "local_state_dict")[:1]):
        with pytest.raises(UnknownFormat, match=re.escape(FLAT)) as caught:
            open_checkpoint(files)
        assert caught.value.code == "empty-tensors"
    checkpoint, wanted = open_checkpoint([folder / "0" / "model.pt"]), whole(folder)
    assert all(torch.equal(checkpoint.read(name), tensor) for name, tensor in wanted.items())


def test_ranks_of_two_saves(folder: Path, tmp_path: Path) -> None:
    other = torch.load(paths(folder, "full_state_dict")[1])
    torch.save({"0.weight": other["0.weight"]}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"0\.weight"):
        open_checkpoint([*paths(folder, "fsdp2"), tmp_path / "x.pt"])


def test_buffers_that_each_rank_has_of_its_own(folder: Path, tmp_path: Path) -> None:
    files = [path.rename(tmp_path / path.name) for path in paths(folder, "sharded_state_dict")]
    saved: dict[str, Any] = torch.load(folder / "whole_0.pt")
    array = open_checkpoint([folder / "whole_0.pt"]).stored["1.running_mean"]
    other = open_checkpoint([folder / "whole_0.pt"]).stored["1.running_var"]
    share = Share((((0, 0), open_checkpoint([folder / "whole_0.pt"]).stored["0.weight"]),), (5, 6))
    joined = join_ranks({files[0]: Contents({"mean": array}, shares={"w": share}), files[1]: Contents({"mean": other})})
    assert list(joined.tensors) == ["w"]
    assert joined.aside["mean"].reason == "each rank has its own: none is chosen"
    assert saved["0.weight"].shape == joined.tensors["w"].shape


def part(offsets: tuple[int, ...], shape: tuple[int, ...], path: Path) -> tuple[tuple[int, ...], Stored]:
    return offsets, Stored(path, 0, shape, "float32")


@pytest.mark.parametrize(
    ("boxes", "size"),
    [
        ([((0, 0), (2, 3)), ((1, 0), (2, 3))], (3, 3)),  # overlap, one row twice
        ([((0, 0), (2, 3)), ((3, 0), (2, 3))], (4, 3)),  # a gap, and past the end
        ([((0, 0), (2, 3)), ((2**50, 0), (2, 3))], (4, 3)),
        ([((0, 0), (2, 3)), ((2, 0), (2, 4))], (4, 3)),
        ([((0, 0), (2, 3)), ((0, 0), (1, 3)), ((3, 0), (1, 3))], (4, 3)),
    ],
)
def test_places_that_contradict_each_other(
    boxes: list[tuple[tuple[int, ...], tuple[int, ...]]], size: tuple[int, ...], tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(bytes(200))
    ranks = {
        Path(str(rank)): Contents({}, shares={"w": Share((part(*box, tmp_path / "x"),), size)})
        for rank, box in enumerate(boxes)
    }
    with pytest.raises(CheckpointError) as caught:
        join_ranks(ranks)
    assert caught.value.code in ("bad-offsets", "missing-shard")


def test_sizes_of_two_models(tmp_path: Path) -> None:
    shares = [Share((part((0, 0), (2, 3), tmp_path),), size) for size in ((2, 3), (4, 3))]
    with pytest.raises(DamagedFile, match="different shapes"):
        join_ranks({Path(str(rank)): Contents({}, shares={"w": share}) for rank, share in enumerate(shares)})


def test_a_size_without_bound_takes_no_memory(tmp_path: Path) -> None:
    share = Share((part((0, 0), (2, 3), tmp_path),), (2**50, 3))
    with pytest.raises(MissingShard, match="6 of"):
        join_ranks({Path("x"): Contents({}, shares={"w": share})})
