"""A run over a base, an adapter of it and the adapter merged, whose weights a worker is asked to prescribe from."""

from typing import Any

from safetensors.torch import save

from tests.mitigations import merged, sent
from tests.service import Service

URL = "/api/v1/runs/1/prescriptions"


def compared(service: Service) -> Service:
    """Run 1, done: checkpoints 1, the base, 2, an adapter, and 3, a full fine-tune."""
    sent(service)
    service.upload(save(merged()), "full.safetensors")
    service.work()
    service.run(1, 2, 3, diagnostics={"update": {}, "norms": {}})
    service.work()
    return service


def ask(service: Service, kind: str, status: int = 202, /, **asked: Any) -> dict[str, Any]:
    answer = service.client.post(URL, json={"kind": kind, **asked})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found
