"""Small tensors several at once, each on one thread; large ones alone, on all threads.

A solver gains little from a second thread on a small matrix and waits for it on a busy machine, but two matrices on two
threads are done in half the time (docs/benchmarks.md). The tensors that are measured at one time take at most `bound`
bytes, or LITTLE where that is more. One that takes most of this waits until it is free, and runs with those that fit.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from statistics import median_low
from threading import Condition, Lock
from typing import TypeVar

import torch

from analysis.engine.memory import LITTLE, bytes_of_one, side
from analysis.linalg.kernels import SERIAL, threads
from analysis.linalg.spectrum import BLOCK
from analysis.weight import TensorInfo

Result = TypeVar("Result")
MOST_THREADS = 4  # tensors at once
HELD = 40 * BLOCK  # bytes: five blocks; two threads kept 34 MiB each (docs/benchmarks.md)


def bound(tensors: Sequence[TensorInfo]) -> int:
    """Bytes that measuring may take: twice the largest tensor in float32 and four of its float64 Gram matrices."""
    return max((8 * tensor.size + 32 * side(tensor) ** 2 for tensor in tensors if tensor.skip is None), default=0)


def _itself(tensor: TensorInfo) -> TensorInfo:
    return tensor


def run_each(
    tensors: Sequence[TensorInfo],
    work: Callable[[TensorInfo], Result],
    device: str = "cpu",
    largest: Callable[[TensorInfo], TensorInfo] = _itself,
    copies: int = 1,
) -> Generator[tuple[TensorInfo, Result], None, None]:
    """`work` on each tensor, in their order. Closed early, it ends what it has begun and begins nothing more.

    `largest` is what counts as its size where the work reads its partners in other checkpoints too. With n checkpoints
    the memory is up to n times the bound: each holds one like it. `copies` of a whole tensor are made by the work.
    """
    all_threads = torch.get_num_threads()
    sizes = {tensor.name: largest(tensor) for tensor in tensors}
    needs = {name: bytes_of_one(size, copies) + HELD for name, size in sizes.items() if size.skip is None}
    room = _Room(max(LITTLE, bound(list(sizes.values()))))  # less would leave cores idle to save what libraries take
    count = min(MOST_THREADS, all_threads, room.holds(list(needs.values()))) if device == "cpu" else 1

    def small(tensor: TensorInfo) -> bool:
        return count > 1 and side(sizes[tensor.name]) <= SERIAL and needs.get(tensor.name, 0) <= room.size

    def run_one(tensor: TensorInfo) -> Result:
        with room.take(needs.get(tensor.name, 0)):
            return work(tensor)

    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    with threads(all_threads), pool:  # restored behind the pool: MKL has one number for all threads
        for several, some in groupby(tensors, small):
            run = list(some)
            if several:
                with threads(1):  # OpenBLAS has one number for all threads, and with more than 1 takes turns
                    yield from zip(run, pool.map(run_one, run), strict=True)
                continue
            for tensor in run:
                with threads(all_threads):
                    result = work(tensor)
                yield tensor, result


class _Room:
    """Bytes to be taken by one after the other, in their turn, so that a large one is not passed for ever."""

    def __init__(self, size: int) -> None:
        self.size = self._left = size
        self._turn, self._changed = Lock(), Condition()

    def holds(self, needs: Sequence[int]) -> int:
        """How many typical ones fit; at least 1."""
        return max(1, self.size // median_low(needs)) if needs else 1

    @contextmanager
    def take(self, need: int) -> Iterator[None]:
        """Within it that much is taken, of at most `size`; it begins when there is that much."""
        with self._turn, self._changed:
            self._changed.wait_for(lambda: need <= self._left)
            self._left -= need
        try:
            yield
        finally:
            with self._changed:
                self._left += need
                self._changed.notify_all()
