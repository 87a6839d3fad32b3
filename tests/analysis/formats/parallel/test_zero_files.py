"""The names and the content of ZeRO's files."""

from pathlib import Path

import pytest
import torch

from analysis.errors import CheckpointError, UnknownFormat
from analysis.formats.parallel.zero_files import find_zero, read_partition, read_root, shapes_of
from tests.analysis.formats.parallel.zero_checkpoints import FIRST, GROUPS, roots, weights, write


def test_names_of_all_versions() -> None:
    names = ["bf16_zero_pp_rank_10_mp_rank_00_optim_states.pt", "zero_pp_rank_2_mp_rank_00optim_states.pt",
             "mp_rank_00_model_states.pt", "config.json"]  # fmt: skip
    found = find_zero(map(Path, names))
    assert found is not None
    assert {rank: path.name for rank, path in found.partitions.items()} == {2: names[1], 10: names[0]}
    assert [path.name for path in found.models.values()] == names[2:3]
    assert find_zero(map(Path, ["mp_rank_00_model_states.pt", "zero.pt", "optimizer.pt"])) is None


def test_a_partition_by_its_places(tmp_path: Path) -> None:
    write(roots(3, 2, weights()), tmp_path)
    found = read_partition(tmp_path / FIRST)
    assert (found.stage, found.counts, found.paddings) == (3, (2,), None)
    assert [group.shape for group in found.groups] == [(11 + 8 + 8,), (3 + 2,)]
    assert list(found.aside) == [f"{FIRST[:-3]}.optimizer_state_dict.base_optimizer_state.0.exp_avg"]


@pytest.mark.parametrize("paddings", ["x", [[1, 0, 0], "x"], [[-1, 0, 0], [0, 0]]])
def test_paddings_that_make_no_sense(paddings: object, tmp_path: Path) -> None:
    files = roots(2, 2, weights())
    files[FIRST]["optimizer_state_dict"]["param_alignment_paddings"] = paddings
    write(files, tmp_path)
    with pytest.raises(CheckpointError, match="param_alignment_paddings"):
        read_partition(tmp_path / FIRST)


@pytest.mark.parametrize("groups", [None, [], "x", [torch.ones(3), "x"]])
def test_groups_that_are_no_list_of_tensors(groups: object, tmp_path: Path) -> None:
    files = roots(2, 2, weights())
    files[FIRST]["optimizer_state_dict"][GROUPS[2]] = groups
    write(files, tmp_path)
    with pytest.raises(CheckpointError, match=GROUPS[2]):
        read_partition(tmp_path / FIRST)


def test_files_that_torch_saves_otherwise(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(UnknownFormat, match=r"since PyTorch 1\.6"):
        read_root(tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="holds no dict"):
        read_root(tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="has no param_shapes"):
        shapes_of(tmp_path / "x.pt", [], "param_shapes")
