"""ZeRO checkpoints, put together.

tests/golden/zero has two that DeepSpeed 0.19.8 wrote on CPUs after two steps of Adam in two groups (matrices, vectors),
with an embedding tied to the head, a frozen layer and a buffer: stage 2 in bfloat16 on two ranks, stage 3 on three.
Beside each stands, as safetensors, what DeepSpeed's own zero_to_fp32 makes of it.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from analysis.errors import CheckpointError, MissingShard, UnknownFormat
from analysis.formats import open_checkpoint
from tests.analysis.formats.parallel.zero_checkpoints import FIRST, GROUPS, roots, weights, write

GOLDEN = Path(__file__).parents[3] / "golden" / "zero"
GROUP_WEIGHTS = weights()
WHOLE = {name: tensor for group in GROUP_WEIGHTS for name, tensor in group.items()}
WHOLE |= {"head.weight": WHOLE["embed.weight"], "norm.running_mean": torch.ones(3)}


@pytest.mark.parametrize("stage", ["stage2", "stage3"])
def test_what_deepspeed_wrote_is_what_it_makes_of_it(stage: str) -> None:
    checkpoint, wanted = open_checkpoint([GOLDEN / stage]), load_file(GOLDEN / f"{stage}.safetensors")
    assert checkpoint.stored.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(checkpoint.read(name).to(tensor.dtype), tensor), name
    assert checkpoint.facts["zero_stage"] == int(stage[-1])
    (tied,) = (info for info in checkpoint.tensors if info.name == "head.weight")
    assert tied.skip is not None


def test_every_tensor_of_the_files_is_read_or_listed() -> None:
    checkpoint = open_checkpoint([GOLDEN / "stage2"])
    reasons = {each.reason for each in checkpoint.aside.values()}
    assert reasons == {
        "state of the optimizer, no weight",
        "a copy of the weights in the training's precision: those of the partitions are read",
    }
    assert {name.rpartition(".")[2] for name in checkpoint.aside} >= {"exp_avg", "exp_avg_sq", "step"}


def test_a_rank_of_what_deepspeed_wrote_is_missing(tmp_path: Path) -> None:
    for stage in ("stage2", "stage3"):
        folder = tmp_path / stage
        shutil.copytree(GOLDEN / stage, folder)
        next(folder.glob("*zero_pp_rank_1_*optim_states.pt")).unlink()
        with pytest.raises(MissingShard, match="rank 1 is not there"):
            open_checkpoint([folder])
    assert open_checkpoint([tmp_path / "stage2" / "mp_rank_00_model_states.pt"]).stored.keys() >= {"fc.weight"}


def test_the_share_of_a_frozen_weight_is_missing(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "stage3", tmp_path / "x")
    (tmp_path / "x" / "zero_pp_rank_2_mp_rank_00_model_states.pt").unlink()
    with pytest.raises(MissingShard, match="rank 2 is not there, which has its share of the frozen"):
        open_checkpoint([tmp_path / "x"])


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize(("stage", "gap"), [(2, 0), (2, 3), (3, 0)])
def test_any_number_of_ranks(stage: int, gap: int, ranks: int, tmp_path: Path) -> None:
    checkpoint = open_checkpoint([write(roots(stage, ranks, GROUP_WEIGHTS, gap), tmp_path)])
    assert checkpoint.stored.keys() == WHOLE.keys()
    for name, tensor in WHOLE.items():
        assert torch.equal(checkpoint.read(name), tensor), name


class Files:
    """The files of a checkpoint, to be spoiled."""

    def __init__(self, stage: int) -> None:
        self.files = roots(stage, 2, GROUP_WEIGHTS)
        name = "mp_rank_00_model_states.pt" if stage == 2 else "zero_pp_rank_0_mp_rank_00_model_states.pt"
        self.model, self.stage = self.files[name], stage
        self.state: Any = self.files[FIRST]["optimizer_state_dict"]

    def count(self, *counts: int) -> None:
        self.state["partition_count"] = list(counts) if self.stage == 2 else counts[-1]

    def count_all(self, *counts: int) -> None:
        for name, root in self.files.items():
            if "optim" in name:
                root["optimizer_state_dict"]["partition_count"] = list(counts) if self.stage == 2 else counts[-1]

    def group(self, change: Callable[[Tensor], Tensor]) -> None:
        groups = self.state[GROUPS[self.stage]]
        groups[0] = change(groups[0]).clone()

    def shape(self, shape: object, name: str = "fc.weight") -> None:
        self.model["param_shapes"][0][name] = shape

    def repeat_rank(self) -> None:
        second = FIRST.replace("rank_0", "rank_1", 1)
        self.files[FIRST.replace("rank_0", "rank_2", 1)] = self.files[second]

    def tie(self) -> None:
        large = torch.zeros(300, 300)
        self.files |= roots(self.stage, 2, [{"embed.weight": large}, {"fc.bias": torch.zeros(3)}])
        self.model = next(root for name, root in self.files.items() if name.endswith("00_model_states.pt"))
        self.model["shared_params"] = {f"tied.{place}": "embed.weight" for place in range(1000)}


SPOILED: dict[str, tuple[Callable[[Files], object], set[str]]] = {
    "counts that differ, or huge": (lambda f: f.count_all(2, 10**12), {"bad-header", "missing-shard"}),
    "counts of another file": (lambda f: f.count(3, 3), {"bad-header"}),
    "more ranks than counted": (lambda f: f.repeat_rank(), {"bad-header"}),
    "no stage": (lambda f: f.state.pop("zero_stage"), {"flat-optimizer"}),
    "a matrix as partition": (lambda f: f.group(lambda t: t.reshape(1, -1)), {"bad-offsets"}),
    "a short partition": (lambda f: f.group(lambda t: t[:-7]), {"bad-offsets", "bad-header"}),
    "another type": (lambda f: f.group(lambda t: t.half()), {"bad-offsets", "bad-header"}),
    "too large a shape": (lambda f: f.shape(torch.Size([50, 30])), {"bad-offsets"}),
    "a shape without bound": (lambda f: f.shape(torch.Size([2**30, 2**30])), {"bad-header"}),
    "a negative shape": (lambda f: f.shape((-5, -3)), {"bad-header"}),
    "text as shape": (lambda f: f.shape("5 x 3"), {"bad-header"}),
    "a name that is none": (lambda f: f.shape(torch.Size([0]), "\udc80"), {"bad-name"}),
    "a tensor less": (lambda f: f.model["param_shapes"][0].pop("out.weight"), {"bad-offsets"}),
    "a group less": (lambda f: f.model["param_shapes"].pop(), {"bad-offsets", "bad-header"}),
    "no shapes": (lambda f: f.model.pop("param_shapes"), {"bad-header"}),
    "no fragments": (lambda f: f.model.update(frozen_param_shapes={"frozen": torch.Size([4])}), {"bad-header"}),
    "tied without end": (Files.tie, {"unbounded"}),
}


@pytest.mark.parametrize("stage", [2, 3])
@pytest.mark.parametrize("what", SPOILED)
def test_what_contradicts_itself_is_refused(what: str, stage: int, tmp_path: Path) -> None:
    change, codes = SPOILED[what]
    spoiled = Files(stage)
    change(spoiled)
    write(spoiled.files, tmp_path)
    began = time.monotonic()
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint([tmp_path])
    assert caught.value.code in codes
    assert caught.value.message.isprintable()
    assert time.monotonic() - began < 20


def test_a_rank_of_another_model(tmp_path: Path) -> None:
    files = roots(3, 2, GROUP_WEIGHTS)
    other = roots(3, 2, [{"fc.weight": torch.randn(9, 9)}, {"fc.bias": torch.randn(9)}])
    name = FIRST.replace("rank_0", "rank_1", 1)
    with pytest.raises(CheckpointError, match="different sizes, of different saves"):
        open_checkpoint([write({**files, name: other[name]}, tmp_path)])


def test_ranks_of_tensor_parallelism_and_experts(tmp_path: Path) -> None:
    files = roots(2, 2, GROUP_WEIGHTS)
    for name in ("mp_rank_01_model_states.pt", "layer_0_expert_1_mp_rank_00_model_states.pt"):
        (tmp_path / name).mkdir()
        with pytest.raises(UnknownFormat, match="do not say how") as caught:
            open_checkpoint([write({**files, name: files["mp_rank_00_model_states.pt"]}, tmp_path / name)])
        assert caught.value.code == "tensor-parallel"


def test_names_without_the_partitions(tmp_path: Path) -> None:
    files = {name: root for name, root in roots(3, 2, GROUP_WEIGHTS).items() if "model" in name}
    with pytest.raises(UnknownFormat, match="give the whole folder") as caught:
        open_checkpoint([write(files, tmp_path)])
    assert caught.value.code == "empty-tensors"


def test_partitions_without_the_names(tmp_path: Path) -> None:
    for stage in (2, 3):
        folder = tmp_path / str(stage)
        folder.mkdir()
        files = {name: root for name, root in roots(stage, 2, GROUP_WEIGHTS).items() if "optim" in name}
        with pytest.raises(MissingShard, match="which has the names and shapes"):
            open_checkpoint([write(files, folder)])


def test_two_saves_in_two_folders(tmp_path: Path) -> None:
    for folder in ("global_step1", "global_step2"):
        (tmp_path / folder).mkdir()
        write(roots(2, 2, GROUP_WEIGHTS), tmp_path / folder)
    with pytest.raises(CheckpointError, match="is there twice, in two folders"):
        open_checkpoint(sorted(tmp_path.rglob("*.pt")))
