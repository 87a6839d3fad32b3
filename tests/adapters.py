"""Adapters made by PEFT on a small model, each with the weights that PEFT's own merge makes of the base."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.adapters import AdaptedModule, Adapter, Tuned, open_adapter
from analysis.formats import open_checkpoint
from analysis.weight import TensorInfo

LINEAR = ("q", "o", "up")


class Small(nn.Module):
    """Layers of every kind that adapters change, of different shapes, with and without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(24, 16)
        self.o = nn.Linear(16, 16, bias=False)
        self.up = nn.Linear(16, 48)
        self.emb = nn.Embedding(30, 24)
        self.conv = nn.Conv2d(4, 6, 3)
        self.seq = nn.Conv1d(8, 8, 3)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.q(x)
        return found


def peft() -> ModuleType:
    """PEFT, imported without its warnings; the test is skipped without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library: ModuleType = pytest.importorskip("peft")
    return library


def inputs_first() -> nn.Module:
    """A GPT-2 attention of transformers, which stores (in, out), beside a linear layer, which does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.pytorch_utils import Conv1D
    attention = nn.ModuleDict({"q_proj": nn.Linear(16, 16)})
    attention.update({"c_attn": Conv1D(48, 16), "c_proj": Conv1D(16, 16)})  # type: ignore[no-untyped-call]
    return nn.ModuleDict({"h": nn.ModuleList([nn.ModuleDict({"attn": attention})])})


@dataclass(frozen=True)
class Trained:
    """A saved adapter, its base, and the weights after PEFT's merge."""

    folder: Path
    base: Mapping[str, Tensor]
    infos: Mapping[str, TensorInfo]
    merged: Mapping[str, Tensor]

    @property
    def adapter(self) -> Adapter:
        return open_adapter(open_checkpoint([self.folder / "adapter_model.safetensors"]))

    def tuned(self, module: AdaptedModule) -> Tuned:
        return self.adapter.tuned(module, self.infos[module.name], self.base[module.name])

    def module(self, name: str) -> AdaptedModule:
        return next(module for module in self.adapter.modules if module.name == name)


def train(
    folder: Path, config: Any, make: Callable[[], nn.Module] = Small, then: Callable[[Any], None] | None = None
) -> Trained:
    """An adapter with random numbers in it, saved and merged by PEFT. `then` changes the adapter before both."""
    library = peft()
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        base = make()
        before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
        model = library.get_peft_model(base, config)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
        if then is not None:
            then(model)
        model.save_pretrained(folder)
        again = make()
        again.load_state_dict(before)
        merged = library.PeftModel.from_pretrained(again, folder).merge_and_unload().state_dict()
    torch.save(before, folder / "base.pt")
    infos = {info.name: info for info in open_checkpoint([folder / "base.pt"]).tensors}
    (folder / "base.pt").unlink()
    return Trained(folder, before, infos, merged)


def assert_merges_as_peft(trained: Trained, tolerance: float, names: Sequence[str]) -> None:
    """Every adapted matrix is PEFT's to `tolerance`, is not the base's, and these and no others are adapted."""
    matrices = [module for module in trained.adapter.modules if trained.base[module.name].ndim > 1]
    assert {module.name for module in matrices} == set(names)
    for module in matrices:
        tuned = trained.tuned(module).tensor
        assert tuned.dtype == torch.float32
        assert tuned.shape == trained.base[module.name].shape
        assert (trained.merged[module.name] - trained.base[module.name]).abs().max() > 1e-3
        assert (tuned - trained.merged[module.name]).abs().max() <= tolerance
