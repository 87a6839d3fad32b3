"""The small LLaMA-shaped model with what the authors' own code says of it, and models like it with other seeds."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from analysis.formats import open_checkpoint
from analysis.prescriptions import rule
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Prescription

FOLDER = Path(__file__).parents[2] / "golden" / "prescriptions"
PROJECTIONS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
               "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip


@cache
def told() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "prescriptions.json").read_text())
    return found


@cache
def arrays() -> Mapping[str, NDArray[Any]]:
    with np.load(FOLDER / "arrays.npz") as file:
        return dict(file)


def members(*paths: Path) -> Members:
    return Members(tuple(open_checkpoint([path]) for path in paths), tuple(path.stem for path in paths))


@cache
def model() -> Members:
    return members(FOLDER / "model.safetensors")


def prescribe(kind: str, given: Members, **options: object) -> Prescription:
    known = rule(kind)
    return known.prescribe(given, known.settings(options))


def llama(layers: int = 3, seed: int = 0, width: int = 64, hidden: int = 96) -> dict[str, Tensor]:
    """A LLaMA's tensors, each layer with a heavier tail than the one before it."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"self_attn.k_proj": (width // 2, width), "self_attn.v_proj": (width // 2, width),
              "mlp.gate_proj": (hidden, width), "mlp.up_proj": (hidden, width),
              "mlp.down_proj": (width, hidden)}  # fmt: skip
    found = {"model.embed_tokens.weight": torch.randn(80, width, generator=generator)}
    for layer in range(layers):
        for name in PROJECTIONS:
            rows, columns = shapes.get(name, (width, width))
            weight = torch.randn(rows, columns, generator=generator)
            spike = torch.randn(rows, 4, generator=generator) @ torch.randn(4, columns, generator=generator)
            found[f"model.layers.{layer}.{name}.weight"] = (weight + 0.3 * layer * spike) / columns**0.5
        found[f"model.layers.{layer}.input_layernorm.weight"] = torch.ones(width)
    return found | {"lm_head.weight": torch.randn(80, width, generator=generator) / width**0.5}


def save(tensors: Mapping[str, Tensor], path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, {"format": "pt"})
    return path
