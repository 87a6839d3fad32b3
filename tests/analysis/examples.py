"""A checkpoint that was never a file, with the bad tensors among the good."""

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from analysis.runtime.arrays import as_array
from analysis.tensors.matrices import Header, describe


class InMemory:
    """A checkpoint that was never a file."""

    format = "memory"
    kind: Literal["model", "adapter"] = "model"
    facts: Mapping[str, float | int | str | bool | None] = {}

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state
        self.read_names: list[str] = []
        headers = {n: Header(tuple(t.shape), str(t.dtype).removeprefix("torch."), t.nbytes) for n, t in state.items()}
        self.tensors = describe(headers)

    def read(self, name: str) -> Tensor:
        self.read_names.append(name)
        return self.state[name]

    def load(self, name: str) -> np.ndarray:
        return as_array(self.read(name))


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def some_tensors() -> InMemory:
    nan = randn(40, 40)
    nan[3, 4] = math.nan
    return InMemory({
        "model.embed_tokens.weight": randn(300, 60),
        "model.layers.0.self_attn.q_proj.weight": randn(60, 60, seed=1),
        "model.layers.0.self_attn.k_proj.weight": nan,
        "model.layers.0.mlp.experts.down_proj": randn(2, 40, 60, seed=2),
        "model.layers.0.input_layernorm.weight": torch.ones(60),
        "zero.weight": torch.zeros(30, 30),
        "steps": torch.tensor(7),
    })  # fmt: skip
