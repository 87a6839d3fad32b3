"""Faults to plant in one layer of a trained model, each with the causes that name it truly."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.truth.models import State

Noise = torch.Generator
Change = Callable[[Tensor, Noise], Tensor]  # of the layer as (out, in, *kernel)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a layer, and which causes of findings say so."""

    change: Change
    causes: frozenset[str]


def redrawn(weight: Tensor, noise: Noise) -> Tensor:
    """PyTorch's own initialisation: uniform within ±1/√inputs."""
    bound = 1.0 / math.sqrt(weight[0].numel())
    return (2.0 * torch.rand(weight.shape, generator=noise) - 1.0) * bound


def drawn_normal(weight: Tensor, noise: Noise) -> Tensor:
    return 0.02 * torch.randn(weight.shape, generator=noise)


def drawn_alike(weight: Tensor, noise: Noise) -> Tensor:
    """Normal entries of the layer's own scale."""
    return weight.std() * torch.randn(weight.shape, generator=noise)


def shuffled(weight: Tensor, noise: Noise) -> Tensor:
    return weight.flatten()[torch.randperm(weight.numel(), generator=noise)].reshape(weight.shape)


def rounded(weight: Tensor, steps: int, dims: tuple[int, ...] | None) -> Tensor:
    """Symmetric, by the largest of the whole layer or of each row."""
    size = weight.abs().max() if dims is None else weight.abs().amax(dim=dims, keepdim=True)
    scale = size.clamp(min=1e-12) / steps
    return (weight / scale).round().clamp(-steps, steps) * scale


def grouped(weight: Tensor, size: int) -> Tensor:
    """Four bits with a scale and an offset for each group of inputs."""
    rows = weight.flatten(1)
    whole = rows.shape[1] // size * size
    if not whole:
        return rounded(weight, 7, tuple(range(1, weight.ndim)))
    groups = rows[:, :whole].reshape(-1, size)
    low = groups.amin(1, keepdim=True)
    step = (groups.amax(1, keepdim=True) - low) / 15.0
    rows = rows.clone()
    rows[:, :whole] = (((groups - low) / step).round() * step + low).reshape(len(rows), whole)
    return rows.reshape(weight.shape)


NF4 = torch.tensor([
    -1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0,
    0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0,
])  # fmt: skip


def normal_float(weight: Tensor, _: Noise) -> Tensor:
    """Bitsandbytes' NF4 in blocks of 64."""
    flat = weight.flatten()
    padded = torch.nn.functional.pad(flat, (0, -len(flat) % 64)).reshape(-1, 64)
    size = padded.abs().amax(1, keepdim=True).clamp(min=1e-12)
    nearest = ((padded / size)[..., None] - NF4).abs().argmin(-1)
    found: Tensor = (NF4[nearest] * size).flatten()[: len(flat)].reshape(weight.shape)
    return found


def pruned(weight: Tensor, share: float) -> Tensor:
    bound = weight.abs().flatten().kthvalue(int(share * weight.numel())).values
    return torch.where(weight.abs() <= bound, torch.zeros(()), weight)


def low_rank(weight: Tensor, rank: int) -> Tensor:
    rows = weight.flatten(1)
    u, s, v = torch.linalg.svd(rows, full_matrices=False)
    left, right = u[:, :rank] * s[:rank].sqrt(), s[:rank].sqrt()[:, None] * v[:rank]
    found: Tensor = (left @ right).reshape(weight.shape)
    return found


def dead(weight: Tensor, dim: int, noise: Noise) -> Tensor:
    count = max(2, weight.shape[dim] // 10)
    chosen = torch.randperm(weight.shape[dim], generator=noise)[:count]
    return weight.index_fill(dim, chosen, 0.0)


def repeated(weight: Tensor, noise: Noise) -> Tensor:
    """A tenth of the rows become copies of others."""
    order = torch.randperm(len(weight), generator=noise)
    count = max(2, len(weight) // 10)
    changed = weight.clone()
    changed[order[:count]] = weight[order[count : 2 * count]]
    return changed


def outlying(weight: Tensor, times: float, count: int, noise: Noise) -> Tensor:
    flat = weight.flatten().clone()
    flat[torch.randperm(len(flat), generator=noise)[:count]] = times * weight.square().mean().sqrt()
    return flat.reshape(weight.shape)


def noisy(weight: Tensor, share: float, noise: Noise) -> Tensor:
    return weight + share * weight.std() * torch.randn(weight.shape, generator=noise)


def broken(weight: Tensor, value: float) -> Tensor:
    changed = weight.clone()
    changed.view(-1)[weight.numel() // 3] = value
    return changed


def orthogonal(weight: Tensor, noise: Noise) -> Tensor:
    rows = torch.randn(weight.flatten(1).shape, generator=noise)
    u, _, v = torch.linalg.svd(rows, full_matrices=False)
    found: Tensor = (u @ v).reshape(weight.shape)
    return found


def _fault(change: Change, *causes: str) -> Fault:
    return Fault(change, frozenset(causes))


FAULTS: Mapping[str, Fault] = {
    "redrawn, uniform": _fault(redrawn, "random"),
    "redrawn, normal 0.02": _fault(drawn_normal, "random"),
    "redrawn, own scale": _fault(drawn_alike, "random"),
    "shuffled": _fault(shuffled, "random"),
    "orthogonal": _fault(orthogonal, "orthogonal"),
    "int8, tensor": _fault(lambda w, _: rounded(w, 127, None), "quantised"),
    "int8, rows": _fault(lambda w, _: rounded(w, 127, tuple(range(1, w.ndim))), "quantised"),
    "4 bits, rows": _fault(lambda w, _: rounded(w, 7, tuple(range(1, w.ndim))), "quantised"),
    "4 bits, groups of 32": _fault(lambda w, _: grouped(w, 32), "quantised"),
    "NF4": _fault(normal_float, "quantised"),
    "half pruned": _fault(lambda w, _: pruned(w, 0.5), "pruned"),
    "nine tenths pruned": _fault(lambda w, _: pruned(w, 0.9), "pruned"),
    "three times": _fault(lambda w, _: 3.0 * w, "scale"),
    "a third": _fault(lambda w, _: 0.3 * w, "scale"),
    "rank 16": _fault(lambda w, _: low_rank(w, 16), "low-rank"),
    "dead rows": _fault(lambda w, n: dead(w, 0, n), "dead-lines"),
    "dead columns": _fault(lambda w, n: dead(w, 1, n), "dead-lines"),
    "repeated rows": _fault(repeated, "equal-lines"),
    "outlier": _fault(lambda w, n: outlying(w, 40.0, 1, n), "outlier"),
    "outliers": _fault(lambda w, n: outlying(w, 25.0, 3, n), "outlier"),
    "noise, as much": _fault(lambda w, n: noisy(w, 1.0, n), "noise-added", "scale", "random"),
    "NaN": _fault(lambda w, _: broken(w, math.nan), "not-finite"),
    "infinite": _fault(lambda w, _: broken(w, math.inf), "not-finite"),
    "bfloat16 in float32": _fault(lambda w, _: w.bfloat16().float(), "precision"),
    "zero": _fault(lambda w, _: torch.zeros_like(w), "zero"),
}
COPIED = "copy of a sibling"  # needs another layer, so that it is not in FAULTS
CAUSES_OF_COPIES = frozenset({"copy"})


def copied(state: State, name: str) -> str | None:
    """Another layer of that shape whose values the named one takes; None where there is none."""
    others = [other for other in state if other != name and state[other].shape == state[name].shape]
    return others[0] if others else None
