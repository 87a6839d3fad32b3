"""Odd checkpoints for the sentences of reports: what each is made of."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from tests.analysis.diagnostics.battery import randn

State = dict[str, Tensor]
SIZE, BLOCKS = 64, 4
UP = "model.layers.1.mlp.up_proj.weight"
UP_SAID = "MLP up projection (up_proj) of block 1"


def trained(rows: int, columns: int, seed: int) -> Tensor:
    """Noise with a few directions above it and rows that differ in size."""
    drawn = randn(rows, columns, seed=seed) * torch.linspace(0.8, 1.2, rows)[:, None]
    return 0.02 * (drawn + 0.6 * randn(rows, 3, seed=seed + 1000) @ randn(3, columns, seed=seed + 2000))


def model(make: Callable[[int, int, int], Tensor] = trained) -> State:
    """Four blocks with a query, a value and two MLP projections."""
    shapes = {
        "self_attn.q_proj": (64, 64),
        "self_attn.v_proj": (64, 64),
        "mlp.up_proj": (128, 64),
        "mlp.down_proj": (64, 128),
    }
    return {
        f"model.layers.{depth}.{name}.weight": make(rows, columns, 10 * depth + at)
        for depth in range(BLOCKS)
        for at, (name, (rows, columns)) in enumerate(shapes.items())
    }


def sequential(make: Callable[[int, int, int], Tensor] = trained) -> State:
    return {f"{2 * at}.weight": make(SIZE, SIZE, at) for at in range(5)}


def orthogonal(rows: int, columns: int, seed: int) -> Tensor:
    u, _, v = torch.linalg.svd(randn(rows, columns, seed=seed), full_matrices=False)
    found: Tensor = u @ v
    return found


def flat(rows: int, columns: int, seed: int) -> Tensor:
    """Singular values between 0.7 and 1.2, as steps of Muon have them."""
    u, _, v = torch.linalg.svd(randn(rows, columns, seed=seed), full_matrices=False)
    found: Tensor = (u * torch.linspace(1.2, 0.7, min(rows, columns))) @ v
    return found


def noise(rows: int, columns: int, seed: int) -> Tensor:
    return 0.02 * randn(rows, columns, seed=seed)


def low_rank(matrix: Tensor, size: float) -> Tensor:
    left, right = randn(len(matrix), 2, seed=7), randn(2, matrix.shape[1], seed=8)
    update = left @ right
    found: Tensor = matrix + size * update * torch.linalg.norm(matrix) / torch.linalg.norm(update)
    return found


def rounded(matrix: Tensor, steps: int) -> Tensor:
    scale = matrix.abs().amax(1, keepdim=True) / steps
    found: Tensor = (matrix / scale).round() * scale
    return found


def half_pruned(matrix: Tensor) -> Tensor:
    found: Tensor = torch.where(matrix.abs() > matrix.abs().median(), matrix, 0.0)
    return found


def changed(state: Mapping[str, Tensor], change: Callable[[Tensor], Tensor], *names: str) -> State:
    """The state with some tensors changed, or all."""
    return {name: change(value) if name in names or not names else value for name, value in state.items()}


def nan_in(matrix: Tensor) -> Tensor:
    broken = matrix.clone()
    broken[3, 4] = math.nan
    return broken


GAN = {f"main.{at}.weight": trained(48, 16 * 16, at).reshape(48, 16, 4, 4) for at in (0, 3, 6)}
RL = {
    f"mlp_extractor.{net}.{at}.weight": orthogonal(64, 8 if at == 0 else 64, at)
    for net in ("policy", "value")
    for at in (0, 2)
} | {"action_net.weight": orthogonal(2, 64, 9), "log_std": torch.zeros(2)}
VISION = {
    "patch_embed.proj.weight": trained(64, 147, 0).reshape(64, 3, 7, 7),
    "pos_embed": 0.02 * randn(1, 50, 64),
    **{f"blocks.{at}.attn.qkv.weight": trained(192, 64, at) for at in range(3)},
}
