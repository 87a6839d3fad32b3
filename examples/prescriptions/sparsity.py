"""AlphaPruning's sparsities against one for all, at magnitude pruning of every matrix in the blocks.

Mirrored is a check of the direction: each block's distance from the target with its sign turned, at the same mean.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from examples.prescriptions.files import prescribe
from examples.prescriptions.subject import State, Subject
from examples.prescriptions.trials import Trial

RULE, OTHER = "AlphaPruning", "uniform"
TARGETS = (0.5, 0.7)


def trials(subject: Subject, out: Path) -> list[Trial]:
    return [trial(subject, target, out / f"sparsity-{target:g}") for target in TARGETS]


def trial(subject: Subject, target: float, out: Path) -> Trial:
    record, state = prescribe("sparsity", subject.path, out, target=target), subject.state()
    allocations = {RULE: record["entries"], OTHER: dict.fromkeys(record["entries"], target)}
    allocations["mirrored"] = {name: 2.0 * target - value for name, value in record["entries"].items()}
    scores = {arm: subject.score(pruned(state, allocation)) for arm, allocation in allocations.items()}
    return Trial(f"{target:.0%} pruned", {"unchanged": subject.score(state), **scores}, "doubt" in record)


def pruned(state: State, sparsity: Mapping[str, float]) -> dict[str, Tensor]:
    """The state with the share of each tensor's entries at zero that are the smallest in size."""
    return {name: prune(tensor, sparsity[name]) if name in sparsity else tensor for name, tensor in state.items()}


def prune(tensor: Tensor, sparsity: float) -> Tensor:
    count = round(min(max(sparsity, 0.0), 1.0) * tensor.numel())
    result = tensor.clone().flatten()
    result[torch.argsort(tensor.abs().flatten(), stable=True)[:count]] = 0.0
    return result.reshape(tensor.shape)
