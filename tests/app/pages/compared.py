"""A little base, two tuned models with known changes, and their comparison in a service."""

from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from tests.service import Service

NAMES = ("base", "sharp", "soft")


def tensors(layers: int = 2, width: int = 96) -> dict[str, dict[str, Tensor]]:
    """`sharp` gets three strong new directions in the queries; `soft` a weak one and noise everywhere."""
    random = torch.Generator().manual_seed(7)
    base, sharp, soft = {}, {}, {}
    for layer in range(layers):
        for place, rows in (("self_attn.q_proj", width), ("mlp.up_proj", 2 * width)):
            name = f"model.layers.{layer}.{place}.weight"
            base[name] = torch.randn(rows, width, generator=random)
            left = torch.linalg.qr(torch.randn(rows, 3, generator=random))[0]
            right = torch.linalg.qr(torch.randn(width, 3, generator=random))[0]
            strong = 30.0 if place.endswith("q_proj") else 0.0
            sharp[name] = base[name] + strong * left @ right.T
            soft[name] = base[name] + 0.02 * torch.randn(rows, width, generator=random)
            soft[name] += 0.01 * torch.ones(rows, 1) @ torch.randn(1, width, generator=torch.Generator().manual_seed(9))
    return dict(zip(NAMES, (base, sharp, soft), strict=True))


def compared(service: Service, **asked: Any) -> dict[str, dict[str, Tensor]]:
    """Checkpoints 1 to 3 and their finished run 1; the tensors that were sent."""
    made = tensors()
    for name in NAMES:
        service.send(name, {"model.safetensors": save(made[name])})
    service.work()
    service.run(1, 2, 3, **asked)
    service.work()
    return made
