"""A base and a LoRA adapter of it with one intruder, sent to a service."""

import json
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from tests.service import Service

NAMES = ("model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight")


def orthogonal(rows: int, columns: int, seed: int) -> Tensor:
    found: Tensor = torch.linalg.qr(torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))).Q
    return found


def base() -> dict[str, Tensor]:
    """Two matrices of twelve directions among 40 outputs."""
    values = torch.linspace(9.0, 1.0, 12)
    return {
        name: orthogonal(40, 13, at)[:, :12] * values @ orthogonal(20, 13, 7 + at)[:, :12].mT
        for at, name in enumerate(NAMES)
    }


def factors() -> dict[str, Tensor]:
    """Of the first module a direction that the base does not have, stronger than any; of the second a little noise."""
    left, right = orthogonal(40, 13, 0)[:, 12:], orthogonal(20, 13, 7)[:, 12:]
    noise = torch.Generator().manual_seed(3)
    A = torch.cat([right.mT, 0.01 * torch.randn(1, 20, generator=noise)])
    B = torch.cat([30.0 * left, 0.01 * torch.randn(40, 1, generator=noise)], dim=1)
    small = {side: 0.01 * torch.randn(shape, generator=noise) for side, shape in (("A", (2, 20)), ("B", (40, 2)))}
    stems = ["base_model.model." + name.removesuffix(".weight") for name in NAMES]
    return {
        f"{stems[0]}.lora_A.weight": A, f"{stems[0]}.lora_B.weight": B,
        f"{stems[1]}.lora_A.weight": small["A"], f"{stems[1]}.lora_B.weight": small["B"],
    }  # fmt: skip


def merged() -> dict[str, Tensor]:
    """The same as a full fine-tune."""
    parts = factors()
    stems = ["base_model.model." + name.removesuffix(".weight") for name in NAMES]
    update = {
        name: parts[f"{stem}.lora_B.weight"] @ parts[f"{stem}.lora_A.weight"]
        for name, stem in zip(NAMES, stems, strict=True)
    }
    return {name: tensor + update[name] for name, tensor in base().items()}


def config(**settings: Any) -> bytes:
    return json.dumps(
        {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["up_proj"], **settings}
    ).encode()


def send_base(service: Service) -> int:
    identity: int = service.upload(save(base()), "base.safetensors")["id"]
    return identity


def send_adapter(service: Service, **settings: Any) -> int:
    """The adapter's two files as a form."""
    files = [
        ("files", ("lora/adapter_model.safetensors", save(factors()))),
        ("files", ("lora/adapter_config.json", config(**settings))),
    ]
    answer = service.client.post("/api/v1/checkpoints", files=files, data={"name": "LoRA r=2"})
    assert answer.status_code == 201, answer.text
    identity: int = answer.json()["id"]
    return identity


def sent(service: Service) -> Service:
    """Checkpoints 1, the base, and 2, the adapter, both ready."""
    assert (send_base(service), send_adapter(service)) == (1, 2)
    service.work()
    return service


def ask(service: Service, status: int = 201, /, **asked: Any) -> dict[str, Any]:
    answer = service.client.post("/api/v1/mitigations", json={"base": 1, "tuned": 2, **asked})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found
