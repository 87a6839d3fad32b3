"""Training as all the experiments have it: AdamW, warm-up, then down to 0 in a straight line, gradients clipped."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from examples.train import CLIP, warmed

BETAS = (0.9, 0.95)


def fit(groups: Sequence[Mapping[str, Any]], loss_at: Callable[[int], Tensor], steps: int, decay: float = 0.0) -> None:
    """Trains the parameters of the groups, each with its learning rate, on the loss of every step."""
    optimizer = torch.optim.AdamW([dict(group) for group in groups], betas=BETAS, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmed(step, steps))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for step in range(steps):
        loss = loss_at(step)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        schedule.step()
