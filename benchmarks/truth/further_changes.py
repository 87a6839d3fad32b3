"""What is done to layers and blocks in benchmarks/truth/further.py. Layers are (out, in, *kernel)."""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.truth.faults import Noise, low_rank
from benchmarks.truth.models import State

BLOCK = re.compile(r"^(.*\blayers\.)(\d+)\.")
E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])


def eight_bits(weight: Tensor, _: Noise) -> Tensor:
    """With one scale that puts the largest at the end of the range, as FP8 recipes do."""
    scale = weight.abs().max() / 448.0
    return (weight / scale).to(torch.float8_e4m3fn).to(weight.dtype) * scale


def four_bits(weight: Tensor, _: Noise) -> Tensor:
    """MXFP4: a power of two for each 32."""
    flat = weight.flatten()
    groups = torch.nn.functional.pad(flat, (0, -len(flat) % 32)).reshape(-1, 32)
    scale = torch.exp2(torch.floor(torch.log2(groups.abs().amax(1, keepdim=True).clamp(min=1e-30))) - 2.0)
    nearest = E2M1[((groups / scale).abs()[..., None] - E2M1).abs().argmin(-1)]
    return (nearest * groups.sign() * scale).flatten()[: len(flat)].reshape(weight.shape)


def ternary(weight: Tensor, _: Noise) -> Tensor:
    """BitNet's: -1, 0 or 1 times the mean size."""
    scale = weight.abs().mean()
    return (weight / scale).round().clamp(-1, 1) * scale


def number_codes(weight: Tensor, _: Noise) -> Tensor:
    """The whole numbers of int8, whose scale was lost."""
    return (weight / weight.abs().max() * 127.0).round()


def half_sparse(weight: Tensor, _: Noise) -> Tensor | None:
    """The larger two of each four inputs."""
    flat = weight.flatten(1)
    if flat.shape[1] % 4:
        return None
    fours = flat.reshape(-1, 4)
    kept = torch.zeros_like(fours).scatter(1, fours.abs().topk(2, 1).indices, 1.0)
    return (fours * kept).reshape(weight.shape)


def dropped(weight: Tensor, noise: Noise) -> Tensor:
    """A dropout mask of three tenths that was saved with the weights."""
    return weight * (torch.rand(weight.shape, generator=noise) > 0.3) / 0.7


def cut_off(weight: Tensor, _: Noise) -> Tensor:
    """A write that broke off: zeros after two thirds."""
    flat = weight.flatten().clone()
    flat[2 * len(flat) // 3 + 5 :] = 0.0
    return flat.reshape(weight.shape)


def head_lost(weight: Tensor, _: Noise) -> Tensor:
    """A quarter of the outputs, side by side."""
    changed, size = weight.clone(), len(weight) // 4
    changed[size : 2 * size] = 0.0
    return changed


def unheard(weight: Tensor, _: Noise) -> Tensor:
    changed = weight.clone()
    changed[:, weight.shape[1] // 2] = 0.0
    return changed


def shared_rows(weight: Tensor, _: Noise) -> Tensor:
    """The first quarter of the outputs again in the second."""
    changed, size = weight.clone(), len(weight) // 4
    changed[size : 2 * size] = weight[:size]
    return changed


def swapped_bytes(weight: Tensor, _: Noise) -> Tensor:
    """Written in the other order of bytes."""
    numbers = weight.contiguous().numpy()
    return torch.from_numpy(numbers.byteswap().copy())


def clipped(weight: Tensor, _: Noise) -> Tensor:
    """Cut at the root mean square, so that a third of the entries have its size."""
    bound = float(weight.square().mean().sqrt())
    return weight.clamp(-bound, bound)


def half_anew(weight: Tensor, noise: Noise) -> Tensor:
    changed, half = weight.clone(), len(weight) // 2
    changed[half:] = weight.std() * torch.randn(weight[half:].shape, generator=noise)
    return changed


def one_row(weight: Tensor, _: Noise) -> Tensor:
    changed = weight.clone()
    changed[len(weight) // 3] *= 50.0
    return changed


def thin_and_noisy(weight: Tensor, noise: Noise) -> Tensor:
    """Rank 8, and a hundredth of its size as noise."""
    thin = low_rank(weight, 8)
    return thin + 0.01 * thin.std() * torch.randn(weight.shape, generator=noise)


def wide_start(weight: Tensor, noise: Noise) -> Tensor:
    """Drawn with a standard deviation of 0.2 instead of the recipe's."""
    return 0.2 * torch.randn(weight.shape, generator=noise)


def shifted(weight: Tensor, _: Noise) -> Tensor:
    return weight + 2.0 * weight.std()


def narrow(weight: Tensor, _: Noise) -> Tensor:
    return weight.half().to(weight.dtype)


def rolled(weight: Tensor, _: Noise) -> Tensor:
    """Read from one number too far."""
    return weight.flatten().roll(-1).reshape(weight.shape)


def reread(weight: Tensor, _: Noise) -> Tensor | None:
    """Numbers that were stored by columns, read by rows."""
    if weight.ndim != 2 or weight.shape[0] == weight.shape[1]:
        return None
    return weight.T.contiguous().reshape(weight.shape)


def of_units(
    change: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[State, str, State, Noise], State | None]:
    """Of all matrices of a block, by the trained weight and the one before training."""

    def plant(state: State, name: str, start: State, _: Noise) -> State | None:
        found = BLOCK.match(name)
        if found is None:
            return None
        inside = [other for other in state if other.startswith(found[0]) and state[other].ndim > 1]
        return {other: change(state[other], start[other]) for other in inside}

    return plant


def anew(_: Tensor, start: Tensor) -> Tensor:
    return start


def exploded(weight: Tensor, _: Tensor) -> Tensor:
    return 100.0 * weight


def again(state: State, name: str, _: State, __: Noise) -> State | None:
    """The block after this one becomes a copy of it, as deeper models are made of shallower ones."""
    found = BLOCK.match(name)
    if found is None:
        return None
    number = int(found[2])
    after = number + 1 if f"{found[1]}{number + 1}.{name[found.end() :]}" in state else number - 1
    inside = [other for other in state if other.startswith(f"{found[1]}{after}.") and state[other].ndim > 1]
    return {other: state[other.replace(f"{found[1]}{after}.", found[0], 1)] for other in inside}


def across(one: str, other: str) -> Callable[[State, str, State, Noise], State | None]:
    """Tensors whose names differ in a part alone, exchanged: in one block where the part is a module."""

    def plant(state: State, name: str, _: State, __: Noise) -> State | None:
        pairs = [(first, first.replace(one, other)) for first in state if one in first and state[first].ndim > 1]
        pairs = [pair for pair in pairs if pair[1] in state][: None if one.endswith(".") else 1]
        return {end: state[start] for pair in pairs for start, end in (pair, pair[::-1])} or None

    return plant
