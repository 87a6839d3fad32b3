"""What files of trainings say of the training: as nanoGPT, Lightning, Megatron and timm write them, by torch itself."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from analysis.formats import open_checkpoint
from analysis.formats.pytorch.objects import Foreign
from analysis.formats.pytorch.settings import OF_STATE, training_settings

Step = Any


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 16)
        self.fc1, self.fc2, self.norm = nn.Linear(16, 32), nn.Linear(32, 16), nn.LayerNorm(16)


def groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """As nanoGPT's configure_optimizers makes them."""
    matrices = [p for p in net.parameters() if p.dim() >= 2]
    others = [p for p in net.parameters() if p.dim() < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def stepped(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return optimizer.state_dict()


def facts(folder: Path, value: object, legacy: bool = False) -> dict[str, Any]:
    torch.save(value, folder / "ckpt.pt", _use_new_zipfile_serialization=not legacy)
    return dict(open_checkpoint([folder / "ckpt.pt"]).facts)


@pytest.mark.parametrize("legacy", [False, True])
def test_nanogpt(tmp_path: Path, legacy: bool) -> None:
    """The optimizer is at the end of its cosine: the peak is in the config."""
    net = Net()
    optimizer = torch.optim.AdamW(groups(net, 0.1), lr=6e-5, betas=(0.9, 0.95))
    found = facts(tmp_path, {
        "model": net.state_dict(), "optimizer": stepped(net, optimizer), "iter_num": 5000, "best_val_loss": 3.2,
        "model_args": {"n_layer": 2, "n_head": 4, "n_embd": 16, "block_size": 64, "bias": False, "dropout": 0.0},
        "config": {"learning_rate": 6e-4, "weight_decay": 0.1, "min_lr": 6e-5, "decay_lr": True, "n_embd": 16},
    }, legacy)  # fmt: skip
    wanted = {
        "learning_rate": 6e-4, "weight_decay": 0.1, "step": 5000, "optimizer": "AdamW", "schedule": "cosine",
        "width": 16, "depth": 2,
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert "learning_rate_from" not in found


def test_lightning(tmp_path: Path) -> None:
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    stepped(net, optimizer)
    schedule.step()
    found = facts(tmp_path, {
        "epoch": 1, "global_step": 1200, "pytorch-lightning_version": "2.6.0", "state_dict": net.state_dict(),
        "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [schedule.state_dict()],
        "hyper_parameters": {"d_model": 16, "optim": {"name": "x"}},
    })  # fmt: skip
    assert found["learning_rate"] == 3e-4  # and not where the schedule is now
    assert (found["weight_decay"], found["step"], found["width"]) == (0.05, 1200, 16)
    assert "learning_rate_from" not in found


def test_hyper_parameters_go_before_the_groups(tmp_path: Path) -> None:
    net = Net()
    optimizer = stepped(net, torch.optim.AdamW(net.parameters(), lr=1e-5))
    told = {"optimizer": {"lr": 1e-3, "weight_decay": 0.2, "betas": [0.9, 0.95]}, "data": {"lr_scale": 3}}
    found = facts(tmp_path, {"state_dict": net.state_dict(), "optimizer_states": [optimizer], "hyper_parameters": told})
    assert (found["learning_rate"], found["weight_decay"]) == (1e-3, 0.2)


def test_the_namespace_of_megatron(tmp_path: Path) -> None:
    args = argparse.Namespace(
        hidden_size=16, num_layers=2, lr=4e-3, min_lr=4e-4, weight_decay=0.1, optimizer="adam",
        decoupled_weight_decay=True, lr_decay_style="cosine",
    )  # fmt: skip
    found = facts(tmp_path, {"args": args, "iteration": 50_000, "model": Net().state_dict()})
    wanted = {
        "learning_rate": 4e-3, "weight_decay": 0.1, "step": 50_000, "width": 16, "depth": 2, "optimizer": "AdamW",
        "schedule": "cosine",
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted


def test_the_groups_alone(tmp_path: Path) -> None:
    """A rate of the last step, which a schedule by hand may have lowered: it says where it comes from."""
    net = Net()
    optimizer = stepped(net, torch.optim.AdamW(groups(net, 0.3), lr=2e-4))
    found = facts(tmp_path, {"model": net.state_dict(), "optimizer": optimizer, "step": 77})
    assert (found["learning_rate"], found["weight_decay"], found["step"]) == (2e-4, 0.3, 77)
    assert (found["optimizer"], found["learning_rate_from"]) == ("AdamW", OF_STATE)


class Lion(torch.optim.Optimizer):
    """The groups and the state of lion-pytorch."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 1.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["exp_avg"] = torch.zeros_like(parameter)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda net: torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), "SGD"),
        (lambda net: torch.optim.Adam(net.parameters(), lr=0.1), "Adam"),
        (lambda net: torch.optim.Adafactor(net.parameters(), lr=0.1), "Adafactor"),
        (lambda net: torch.optim.RMSprop(net.parameters(), lr=0.1), "RMSprop"),
        (lambda net: torch.optim.Muon([net.fc1.weight, net.fc2.weight], lr=0.1), "Muon"),
        (lambda net: Lion(net.parameters()), "Lion"),
    ],
)
def test_other_optimizers_by_what_their_groups_have(tmp_path: Path, make: Any, kind: str) -> None:
    net = Net()
    found = facts(tmp_path, {"model": net.state_dict(), "optimizer": stepped(net, make(net))})
    assert found["optimizer"] == kind


def test_two_optimizers_and_two_rates(tmp_path: Path) -> None:
    """Muon on the matrices and AdamW on the rest, in one file: the settings that most matrices got, and no mixture."""
    net = Net()
    muon = stepped(net, torch.optim.Muon([net.fc1.weight, net.fc2.weight], lr=0.02, weight_decay=0.1))
    adamw = stepped(net, torch.optim.AdamW([net.embed.weight, net.fc1.bias], lr=3e-4))
    found = facts(tmp_path, {"model": net.state_dict(), "optimizers": [muon, adamw]})
    assert (found["optimizer"], found["learning_rate"], found["weight_decay"]) == ("Muon", 0.02, 0.1)
    halves = stepped(net, torch.optim.AdamW([
        {"params": [net.fc1.weight], "lr": 1e-3}, {"params": [net.fc2.weight], "lr": 2e-3},
    ]))  # fmt: skip
    assert "learning_rate" not in facts(tmp_path, {"model": net.state_dict(), "optimizer": halves})


@pytest.mark.parametrize("root", [
    {}, {"config": 3, "optimizer": {"state": 1, "param_groups": [3, {"params": "x", "lr": "y"}]}}, {"step": True},
    {"args": {"lr": float("nan"), "weight_decay": -1.0}}, {"config": {"a": {"lr": 0.1}, "b": {"lr": 0.2}}}, [],
])  # fmt: skip
def test_what_makes_no_sense_or_is_said_twice_is_no_fact(root: Any) -> None:
    assert training_settings(root) == {}


def test_objects_are_read_by_what_they_hold() -> None:
    value = Foreign("omegaconf.nodes.AnyNode", state={"_val": 0.004})
    root = {"cfg": Foreign("omegaconf.dictconfig.DictConfig", state={"_content": {"lr": value}, "_metadata": {}})}
    assert training_settings(root) == {"learning_rate": 0.004}
    endless = Foreign("argparse.Namespace")
    endless.state["self"] = endless
    assert training_settings({"args": endless}) == {}
