"""Synthetic checkpoints in the shapes of well-known models, written where a benchmark asks for them.

Entries are noise whose columns differ in size, so that spectra have a bulk and a tail and nothing is degenerate.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

GPT2 = {  # two blocks and the position table; the token table is longer than the 50,000 rows that WeightWatcher takes
    "embed_positions.weight": (1024, 768),
    **{f"layers.{i}.attn.qkv_proj.weight": (2304, 768) for i in range(2)},
    **{f"layers.{i}.attn.out_proj.weight": (768, 768) for i in range(2)},
    **{f"layers.{i}.mlp.up_proj.weight": (3072, 768) for i in range(2)},
    **{f"layers.{i}.mlp.down_proj.weight": (768, 3072) for i in range(2)},
}
LLAMA = {  # sides of 2,048 to 4,096
    "layers.0.self_attn.q_proj.weight": (2048, 2048),
    "layers.0.mlp.up_proj.weight": (4096, 2048),
    "layers.0.mlp.down_proj.weight": (2048, 4096),
    "layers.1.self_attn.o_proj.weight": (4096, 4096),
}


def state(shapes: Mapping[str, tuple[int, int]], dtype: torch.dtype) -> dict[str, Tensor]:
    """Weights of these shapes, the same every time."""
    noise = torch.Generator().manual_seed(0)
    return {name: _matrix(*shape, noise).to(dtype) for name, shape in shapes.items()}


def _matrix(rows: int, columns: int, noise: torch.Generator) -> Tensor:
    sizes = torch.rand(columns, generator=noise).clamp_(min=1e-3) ** -0.3
    return 0.02 * torch.randn(rows, columns, generator=noise) * sizes


def write(folder: Path, shapes: Mapping[str, tuple[int, int]], dtype: torch.dtype) -> Path:
    """A safetensors file of them in the folder."""
    file = folder / "model.safetensors"
    save_file(state(shapes, dtype), file)
    return file
