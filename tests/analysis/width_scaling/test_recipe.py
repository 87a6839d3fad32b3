"""The recipe for a wider model: the issue's numbers, and the law that it must keep."""

import pytest
import torch

from analysis.errors import OptionError
from analysis.width_scaling.law import Setting, predict
from analysis.width_scaling.recipe import decouple_decay, independent, repair_decay, transfer_recipe


def test_from_256_to_2048() -> None:
    found = transfer_recipe(256.0, 1e-3, 0.1, 2048)
    assert found.learning_rate == pytest.approx(1e-3 / 8)
    assert found.weight_decay == pytest.approx(0.1 * 2.828427, rel=1e-6)
    assert found.vector_learning_rate == 1e-3
    target = Setting(2048.0, found.learning_rate, found.weight_decay)
    assert predict(Setting(256.0, 1e-3, 0.1), target) == pytest.approx(1.0)


def test_the_groups_are_what_pytorch_takes() -> None:
    found = transfer_recipe(64.0, 0.01, 2.0, 256)
    names = {"matrices": 3, "vectors": 2, "head": 1}
    parameters = {
        name: [torch.nn.Parameter(torch.ones(n)) for n in range(1, count + 1)] for name, count in names.items()
    }
    optimizer = eval(found.to_python().split("\n", 1)[1], {"torch": torch, **parameters})  # our own text
    told = [(len(group["params"]), group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert told == [(3, 0.0025, 4.0), (2, 0.01, 0.0), (1, 0.01, 2.0)]
    assert [group["lr"] for group in found.groups()] == [0.0025, 0.01, 0.01]


def test_pytorchs_decay_acts_through_the_rate() -> None:
    """One step of AdamW on a zero gradient leaves w (1 - η λ): what an independent λ of η λ does by itself."""
    parameter = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    parameter.grad = torch.zeros(1, dtype=torch.float64)
    torch.optim.AdamW([parameter], lr=0.01, weight_decay=2.0).step()
    assert float(parameter.detach()) == pytest.approx(1.0 - independent(2.0, 0.01))
    assert decouple_decay(independent(2.0, 0.01), 0.01) == pytest.approx(2.0)
    with pytest.raises(OptionError, match="above 0"):
        decouple_decay(0.1, 0.0)


def test_a_repaired_decay_brings_the_ratio_back() -> None:
    """σ₁ is 1.5 times too large: with λ 1.5² times as large the law takes just that away."""
    given = Setting(64.0, 0.01, 2.0)
    assert predict(given, Setting(64.0, 0.01, repair_decay(2.0, 1.5))) == pytest.approx(1.0 / 1.5)


@pytest.mark.parametrize("wrong", [(0.0, 0.1, 1.0, 8), (8.0, 0.0, 1.0, 8), (8.0, 0.1, -1.0, 8), (8.0, 0.1, 1.0, 0)])
def test_what_makes_no_sense_is_refused(wrong: tuple[float, float, float, int]) -> None:
    with pytest.raises(OptionError, match="must"):
        transfer_recipe(*wrong)


def test_json_says_the_convention() -> None:
    said = transfer_recipe(64.0, 0.01, 2.0, 256).to_json()
    assert said["weight_decay_form"] == "decoupled, w <- w - lr * weight_decay * w"
    assert said["independent_weight_decay"] == pytest.approx(0.0025 * 4.0)
