"""A small model, and LoRA adapters of it, made by PEFT, with intruders planted in some of their modules."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import LoraLayer
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from analysis.formats import Checkpoint, open_checkpoint

PLANTED = ("layers.0.q", "layers.1.up", "layers.1.c_fc", "conv", "embed_tokens")


class Block(nn.Module):
    """Three linear layers, one of them stored (in, out) as GPT-2's are."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(24, 60, bias=False)
        self.up = nn.Linear(24, 72)
        self.c_fc = Conv1D(66, 24)  # type: ignore[no-untyped-call]


class Model(nn.Module):
    """Every kind of layer that LoRA adapts."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(80, 24)
        self.layers = nn.ModuleList([Block(), Block()])
        self.conv = nn.Conv2d(2, 48, 3)
        self.head = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x


def model() -> Model:
    torch.manual_seed(0)
    made = Model()
    blocks: Any = made.layers
    for block in blocks:  # transformers begins it with 0.02, beside which a small update would be large
        nn.init.normal_(block.c_fc.weight, std=0.2)
    return made


def adapter(planted: tuple[str, ...] = PLANTED, **settings: Any) -> PeftModel:
    """The model with an adapter: in each planted module one direction that the base does not have, far stronger."""
    asked = {"r": 4, "lora_alpha": 6, "target_modules": ["q", "up"], **settings}
    with calm():
        made = get_peft_model(model(), LoraConfig(**asked))
    random = torch.Generator().manual_seed(7)
    for name, layer in layers(made):
        for factor in factors(layer):
            factor.data = 0.05 * torch.randn(factor.shape, generator=random)
        if name in planted:
            _plant(layer, random)
    return made


def layers(made: PeftModel) -> list[tuple[str, Any]]:
    """The adapted layers, by the base's names."""
    inner: Any = made.base_model.model
    return [(name, layer) for name, layer in inner.named_modules() if isinstance(layer, LoraLayer)]


def factors(layer: Any, name: str = "default") -> list[Tensor]:
    """A and B."""
    if name in layer.lora_embedding_A:
        return [layer.lora_embedding_A[name], layer.lora_embedding_B[name]]
    return [layer.lora_A[name].weight, layer.lora_B[name].weight]


def _plant(layer: Any, random: torch.Generator) -> None:
    """One direction of A and B that is strong, and so spread that no direction of the base is like it."""
    A, B = factors(layer)
    strength = 40.0 / (abs(layer.scaling["default"]) * A[0].numel() * B.shape[0]) ** 0.5
    A.data[0] = torch.randn(A[0].shape, generator=random).sign() * strength
    B.data[:, 0] = torch.randn(B[:, 0].shape, generator=random).sign() * strength


@contextmanager
def calm() -> Iterator[None]:
    """PEFT warns of much that is meant so here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def saved(folder: Path, tensors: Mapping[str, Tensor]) -> Checkpoint:
    """The tensors as a checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: t.detach().clone().contiguous() for name, t in tensors.items()}, folder / "model.safetensors")
    return open_checkpoint([folder])


def base(folder: Path) -> Checkpoint:
    return saved(folder, model().state_dict())


def adapted(folder: Path, made: PeftModel) -> Checkpoint:
    """The adapter as PEFT saves it."""
    with calm():
        made.save_pretrained(str(folder))
    return open_checkpoint([folder])


def loaded(folder: Path) -> PeftModel:
    """The model with the adapter that lies there, as PEFT loads it."""
    with calm():
        return PeftModel.from_pretrained(model(), folder)


def deltas(made: PeftModel, name: str = "default") -> dict[str, Tensor]:
    """What PEFT adds to each weight, by the base's names."""
    return {f"{at}.weight": layer.get_delta_weight(name).detach() for at, layer in layers(made)}
