from pathlib import Path

import pytest
import torch
from torch import nn

from examples.prescriptions import adapters


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 20, bias=False), nn.Linear(20, 18, bias=False))


def test_what_is_added_is_what_peft_merges(model: nn.Sequential, tmp_path: Path) -> None:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    wrapped = adapters.with_lora(model, r"\d")
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data.normal_()
    adapters.save_adapter(wrapped, tmp_path)
    merged = wrapped.merge_and_unload()  # type: ignore[operator]  # PEFT's
    found = adapters.added(state, adapters.factors(tmp_path))
    for name, tensor in merged.state_dict().items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-4)
    assert not torch.equal(found["0.weight"], state["0.weight"])


def test_first_directions_are_not_the_strongest() -> None:
    B, A = torch.eye(6)[:, :3] * torch.tensor([1.0, 5.0, 3.0]), torch.eye(3, 4)
    update = {"m": (B, A), "n": (B, A)}
    first, best = adapters.truncated(update, {"m": 1}), adapters.decomposed(update, 1)
    assert list(first) == ["m"]
    assert adapters.parameters(first) * 2 == adapters.parameters(best) == 20
    errors = [float((B @ A - one @ two).norm()) for one, two in (first["m"], best["m"])]
    assert errors == pytest.approx([34**0.5, 10**0.5])
