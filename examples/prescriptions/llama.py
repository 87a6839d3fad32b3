"""A little LLaMA over bytes, trained here on sources of the standard library; its other task is to read docstrings."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from examples.prescriptions.adapters import save_adapter, with_lora
from examples.prescriptions.data import Texts, as_bytes
from examples.prescriptions.fitting import fit
from examples.prescriptions.subject import Score, State, load, only
from examples.widths.data import Text, text, windows
from examples.widths.model import HEAD, MLP, Decoder

BATCH, LENGTH = 8, 64  # stretches a step, bytes in each
RATE, DECAY = 3e-3, 0.1  # from scratch
TUNE_RATE, LORA_RATE = 1e-3, 2e-3
TEST_SEED = 10**9
LINEAR = r".*layers\.\d+\..*_proj"
FILE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Size:
    width: int = 64
    depth: int = 4
    steps: int = 400
    tune_steps: int = 50
    tested: int = 128  # stretches of a test


@dataclass(frozen=True)
class Llama:
    """The trained model of a seed, which draws its start and the order of its texts."""

    seed: int
    path: Path
    size: Size
    own: Text
    other: Text

    def state(self) -> State:
        return load_file(self.path / FILE)

    def model(self) -> Decoder:
        model = Decoder(self.size.width, self.seed, self.size.depth)
        load(model, self.state())
        return model

    def score(self, state: State) -> float:
        """Nats a byte on held-out sources."""
        return self._loss(state, self.own.test)

    def task_score(self, state: State) -> float:
        """Nats a byte on held-out docstrings."""
        return self._loss(state, self.other.test)

    def tune(self, names: Collection[str]) -> float:
        model = self.model()
        fit([{"params": only(model, names), "lr": TUNE_RATE}], self._tuning(model), self.size.tune_steps)
        return self.task_score(model.state_dict())

    def adapt(self, folder: Path) -> Score:
        torch.manual_seed(self.seed)
        model = self.model()
        wrapped = with_lora(model, LINEAR)
        learning = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
        fit([{"params": learning, "lr": LORA_RATE}], self._tuning(model), self.size.tune_steps)
        save_adapter(wrapped, folder)
        return self.task_score

    def _tuning(self, model: Decoder) -> "partial[Tensor]":
        return partial(_loss_at, model, self.other.train, 1000 + self.seed)

    def _loss(self, state: State, held: Tensor) -> float:
        model = Decoder(self.size.width, self.seed, self.size.depth)
        load(model, state)
        with torch.no_grad():
            return model.loss(windows(held, self.size.tested, LENGTH, TEST_SEED)).item()


def _loss_at(model: Decoder, held: Tensor, seed: int, step: int) -> Tensor:
    return model.loss(windows(held, BATCH, LENGTH, seed * 10**5 + step))


def llama(seed: int, texts: Texts, folder: Path, size: Size | None = None, own: Text | None = None) -> Llama:
    """The model of this seed, trained unless it is there."""
    size, own = size or Size(), own or text()
    place = folder / f"llama-seed{seed}"
    if not (place / FILE).exists():
        train(seed, own, place, size)
    return Llama(seed, place, size, own, Text(as_bytes(texts.train), as_bytes(texts.test)))


def train(seed: int, own: Text, place: Path, size: Size) -> None:
    model = Decoder(size.width, seed, size.depth)
    fit(
        [{"params": list(model.parameters()), "lr": RATE}], partial(_loss_at, model, own.train, seed), size.steps, DECAY
    )
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.json").write_text(json.dumps(_config(size), indent=1))
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, place / FILE)  # last


def _config(size: Size) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": size.width,
        "intermediate_size": round(MLP * size.width),
        "num_hidden_layers": size.depth,
        "num_attention_heads": size.width // HEAD,
        "vocab_size": 256,
    }
