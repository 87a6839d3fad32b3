"""Small tensors of one shape decomposed together, in one batched call, on a GPU that one of them would leave idle.

A transformer repeats the same few shapes in every block. `Ahead` reads as many tensors as fit, finds the spectra of
those that are alike at once and leaves each weight its own; everything after that goes weight by weight, as without it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from analysis.checkpoint import OpenCheckpoint, grid_of
from analysis.engine.scheduling import bound
from analysis.errors import TensorError
from analysis.linalg.spectrum import GPU_BLOCK, decompose_each
from analysis.runtime.pytorch import torch
from analysis.tensors.matrices import matrices, weights
from analysis.weight import TensorInfo, Weight

WIDEST = 1024  # smaller side from which on a matrix is left by itself; not measured for want of a GPU

Cut = Callable[[TensorInfo], Iterable[Weight]]


def cutter(checkpoint: OpenCheckpoint, tensors: Sequence[TensorInfo], device: str) -> Cut:
    """What reads a tensor and cuts it into weights; on a GPU, asked in the order of the tensors, it reads ahead."""
    if device == "cpu":
        return lambda info: weights(info, checkpoint.load(info.name), grid_of(checkpoint, info))
    return Ahead(checkpoint, tensors, device)


class Ahead:
    """The weights of tensors that are asked for in their order, with spectra where several could be found together."""

    def __init__(self, checkpoint: OpenCheckpoint, tensors: Sequence[TensorInfo], device: str) -> None:
        self._checkpoint, self._device = checkpoint, device
        self._batches = {info.name: batch for batch in batches(tensors) for info in batch}
        self._ready: dict[str, list[Weight]] = {}

    def __call__(self, info: TensorInfo) -> list[Weight]:
        if info.name not in self._ready:
            batch = self._batches.get(info.name, [info])
            self._ready = {
                member.name: list(
                    weights(member, self._checkpoint.load(member.name), grid_of(self._checkpoint, member))
                )
                for member in batch
            }
            share([weight for group in self._ready.values() for weight in group], self._device)
        return self._ready.pop(info.name)


def batches(tensors: Sequence[TensorInfo]) -> Iterator[list[TensorInfo]]:
    """Runs of small tensors, in their order, whose numbers in float64 stay within the bound of one alone."""
    limit = min(8 * GPU_BLOCK, bound(tensors))
    batch: list[TensorInfo] = []
    for info in tensors:
        if info.skip is not None or 16 * info.size > limit or not _is_narrow(info):
            continue
        if batch and 8 * (info.size + sum(other.size for other in batch)) > limit:
            yield batch
            batch = []
        batch.append(info)
    if batch:
        yield batch


def _is_narrow(info: TensorInfo) -> bool:
    return max(min(matrix.rows, matrix.columns) for matrix in matrices(info)) <= WIDEST


def share(weights: Sequence[Weight], device: str) -> None:
    """Gives each weight that has others of its shape and type its spectrum, found with theirs on the device.

    Where one of them is not finite, or the device's memory runs out, each is left to find its own.
    """
    by_shape: dict[tuple[object, ...], list[Weight]] = {}
    for weight in weights:
        by_shape.setdefault((weight.slices.shape, weight.slices.dtype), []).append(weight)
    for some in by_shape.values():
        fitting = max(1, GPU_BLOCK // some[0].slices.numel())
        for start in range(0, len(some), fitting):
            _share(some[start : start + fitting], device)


def _share(alike: Sequence[Weight], device: str) -> None:
    if len(alike) < 2:
        return
    try:
        spectra = decompose_each(torch.stack([weight.slices.to(device) for weight in alike]))
    except TensorError:
        return
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return
    for weight, spectrum in zip(alike, spectra, strict=True):
        vars(weight)["spectrum"] = spectrum  # where its cached property keeps it
