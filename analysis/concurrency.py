"""Small tensors several at once, each on one thread; large ones alone, on all threads.

A solver gains little from a second thread on a small matrix and waits for it on a busy machine, but two matrices on two
threads are done in half the time (docs/benchmarks.md). Memory stays within `bound`, however many tensors there are.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from statistics import median_low
from typing import TypeVar

import torch

from analysis.kernels import SERIAL, threads
from analysis.memory import alone, side
from analysis.spectrum import BLOCK
from analysis.weight import TensorInfo

Result = TypeVar("Result")
MOST_HANDS = 4  # tensors at once
HELD = 40 * BLOCK  # bytes: five blocks; two threads kept 34 MiB each (docs/benchmarks.md)


def bound(tensors: Sequence[TensorInfo]) -> int:
    """Bytes that measuring may take: twice the largest tensor in float32 and four of its float64 Gram matrices."""
    return max((8 * tensor.size + 32 * side(tensor) ** 2 for tensor in tensors if tensor.skip is None), default=0)


def _itself(tensor: TensorInfo) -> TensorInfo:
    return tensor


def each(
    tensors: Sequence[TensorInfo],
    work: Callable[[TensorInfo], Result],
    device: str = "cpu",
    largest: Callable[[TensorInfo], TensorInfo] = _itself,
) -> Generator[tuple[TensorInfo, Result], None, None]:
    """`work` on each tensor, in their order. Closed early, it ends what is in hand and begins nothing more.

    `largest` is what counts as its size where the work reads its partners in other checkpoints too. With n checkpoints
    the memory is up to n times the bound: each holds one like it.
    """
    everything = torch.get_num_threads()
    sizes = {tensor.name: largest(tensor) for tensor in tensors}
    hands = min(MOST_HANDS, everything, _room(list(sizes.values()))) if device == "cpu" else 1
    share = bound(list(sizes.values())) / hands
    pool = ThreadPoolExecutor(hands, initializer=torch.set_num_threads, initargs=(1,))
    with threads(everything), pool:  # restored behind the pool: MKL has one number for all threads
        for small, some in groupby(tensors, lambda tensor: hands > 1 and _is_small(sizes[tensor.name], share)):
            run = list(some)
            if small:
                with threads(1):  # OpenBLAS has one number for all threads, and with more than 1 takes turns
                    yield from zip(run, pool.map(work, run), strict=True)
                continue
            for tensor in run:
                with threads(everything):
                    result = work(tensor)
                yield tensor, result


def _room(tensors: Sequence[TensorInfo]) -> int:
    """How many typical tensors fit within the bound; at least 1."""
    needs = [_need(tensor) for tensor in tensors if tensor.skip is None]
    return max(1, bound(tensors) // median_low(needs)) if needs else 1


def _is_small(tensor: TensorInfo, share: float) -> bool:
    return side(tensor) <= SERIAL and _need(tensor) <= share


def _need(tensor: TensorInfo) -> int:
    """Bytes that measuring it takes, with a shuffled copy and what libraries hold."""
    return alone(tensor, copies=1) + HELD
