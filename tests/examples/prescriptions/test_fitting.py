import torch
from torch import nn

from examples.prescriptions.fitting import fit


def test_it_goes_down_and_leaves_what_is_not_given() -> None:
    fast, slow, out = (nn.Parameter(torch.tensor([4.0])) for _ in range(3))
    groups = [{"params": [fast], "lr": 0.1}, {"params": [slow], "lr": 0.01}]
    fit(groups, lambda _: (fast**2 + slow**2 + out**2).sum(), 100)
    assert abs(fast.item()) < 1.0 < slow.item() < 4.0
    assert out.item() == 4.0


def test_every_step_has_its_loss() -> None:
    steps: list[int] = []
    weight = nn.Parameter(torch.ones(1))

    def loss_at(step: int) -> torch.Tensor:
        steps.append(step)
        return weight.sum()

    fit([{"params": [weight], "lr": 1e-3}], loss_at, 5)
    assert steps == [0, 1, 2, 3, 4]
