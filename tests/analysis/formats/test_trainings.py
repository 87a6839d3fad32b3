"""What training programs leave behind, built as they build it: Lightning, timm, Accelerate, the Trainer, diffusers.

The structures were taken from files that the tools themselves wrote: lightning, timm 1.0, accelerate,
transformers 5.23, diffusers 0.42.
"""

import argparse
import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from analysis.errors import UnknownFormat
from analysis.formats import Checkpoint, open_checkpoint
from analysis.tensors.matrices import matrices

MATRICES = {"embed.weight", "layers.0.fc1.weight", "layers.0.fc2.weight", "head.weight"}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 16)
        self.layers = nn.ModuleList([nn.ModuleDict({"fc1": nn.Linear(16, 32), "fc2": nn.Linear(32, 16)})])
        self.head = nn.Linear(16, 10)


def weights() -> dict[str, Tensor]:
    return dict(Net().state_dict())


def optimizer() -> dict[str, Any]:
    net = Net()
    found = torch.optim.AdamW(net.parameters())
    sum(p.sum() for p in net.parameters()).backward()  # type: ignore[union-attr]
    found.step()
    return found.state_dict()


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def analysed(checkpoint: Checkpoint) -> set[str]:
    return {info.name for info in checkpoint.tensors if matrices(info)}


def unexplained(checkpoint: Checkpoint) -> list[str]:
    """Tensors that are neither measured nor listed with a reason."""
    return [info.name for info in checkpoint.tensors if not matrices(info) and not info.skip]


def lightning(tensors: dict[str, Tensor], **more: Any) -> dict[str, Any]:
    return {
        "epoch": 1, "global_step": 2, "pytorch-lightning_version": "2.6.0", "state_dict": under("model.", tensors),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 1}}}}, "callbacks": {},
        "optimizer_states": [optimizer()], "lr_schedulers": [{"step_size": 1, "_last_lr": [0.001]}],
        "hparams_name": "kwargs", "hyper_parameters": {"width": 32}, **more,
    }  # fmt: skip


def test_lightning(tmp_path: Path) -> None:
    torch.save(lightning(weights()), tmp_path / "last.ckpt")
    checkpoint = open_checkpoint([tmp_path / "last.ckpt"])
    assert analysed(checkpoint) == {f"model.{name}" for name in MATRICES}
    assert unexplained(checkpoint) == []


def test_lightning_with_an_average(tmp_path: Path) -> None:
    """EMAWeightAveraging: the average is in state_dict, the weights that it follows in current_model_state."""
    average, current = weights(), weights()
    more = {
        "current_model_state": under("model.", current),
        "averaging_state": {"n_averaged": torch.tensor(3)},
    }
    path = tmp_path / "last.ckpt"
    torch.save(lightning(average, **more), path)
    checkpoint = open_checkpoint([path])
    assert analysed(checkpoint) == {f"model.{name}" for name in MATRICES}
    assert torch.equal(checkpoint.read("model.head.weight"), average["head.weight"])
    reason = next(info.skip for info in checkpoint.tensors if info.name == "current_model_state.model.head.weight")
    assert reason == "the weights that the running average follows: analyse them by --part current_model_state"
    advised = open_checkpoint([path], "current_model_state")
    assert torch.equal(advised.read("model.head.weight"), current["head.weight"])


def test_timm_with_an_average(tmp_path: Path) -> None:
    state: dict[str, Any] = {
        "epoch": 0, "arch": "vit_tiny_patch16_224", "state_dict": weights(), "optimizer": optimizer(), "version": 2,
        "args": argparse.Namespace(model="vit_tiny_patch16_224", lr=1e-3), "state_dict_ema": weights(), "metric": 0.1,
    }  # fmt: skip
    path = tmp_path / "model_best.pth.tar"
    torch.save(state, path)
    checkpoint = open_checkpoint([path])
    assert analysed(checkpoint) == MATRICES
    assert unexplained(checkpoint) == []
    assert torch.equal(checkpoint.read("head.weight"), state["state_dict"]["head.weight"])
    advised = open_checkpoint([path], "state_dict_ema")
    assert torch.equal(advised.read("head.weight"), state["state_dict_ema"]["head.weight"])


def write_accelerate(folder: Path) -> None:
    torch.save(OrderedDict(weights()), folder / "pytorch_model.bin")
    torch.save(optimizer(), folder / "optimizer.bin")
    torch.save({"step_size": 1, "last_epoch": 2}, folder / "scheduler.bin")
    torch.save({"step": 2, "torch_manual_seed": torch.get_rng_state()}, folder / "random_states_0.pkl")


def write_trainer(folder: Path) -> None:
    save_file(weights(), folder / "model.safetensors", {"format": "pt"})
    torch.save(optimizer(), folder / "optimizer.pt")
    torch.save({"last_epoch": 2}, folder / "scheduler.pt")
    torch.save({"cpu": torch.get_rng_state()}, folder / "rng_state.pth")
    torch.save(argparse.Namespace(lr=1e-3), folder / "training_args.bin")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 16}))
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 2, "log_history": []}))


@pytest.mark.parametrize("write", [write_accelerate, write_trainer])
def test_the_folder_of_a_training(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    checkpoint = open_checkpoint([tmp_path])
    assert analysed(checkpoint) == MATRICES
    assert unexplained(checkpoint) == []
    left = str(checkpoint.facts["ignored_files"])
    assert "state of the optimizer" in left
    assert "state of the random numbers" in left


def test_the_folder_around_them_says_which_folders_to_give(tmp_path: Path) -> None:
    """The output of a Trainer, with a folder for each checkpoint."""
    for step in (2, 4):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        write_trainer(folder)
    with pytest.raises(UnknownFormat, match="Give one of these folders") as refused:
        open_checkpoint([tmp_path])
    assert "(checkpoint-2, checkpoint-4)" in refused.value.message
    assert analysed(open_checkpoint([tmp_path / "checkpoint-4"])) == MATRICES


def test_a_pipeline_of_diffusers_says_which_folders_hold_weights(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]}')
    for name in ("unet", "scheduler"):
        (tmp_path / name).mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text("{}")
    attention = {f"mid_block.attentions.0.{name}.weight": torch.randn(16, 16) for name in ("to_q", "to_k", "to_v")}
    save_file(attention, tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
    with pytest.raises(UnknownFormat, match=r"folders of them do \(unet\)\. Give one of these folders"):
        open_checkpoint([tmp_path])
    assert analysed(open_checkpoint([tmp_path / "unet"])) == set(attention)
