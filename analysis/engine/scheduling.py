"""Which tensors are measured at once, and with how many threads each: so that all cores have work.

A solver gains little from a second thread on a small matrix and waits for it on a busy machine, but two matrices on two
threads are done in half the time (docs/benchmarks.md). So small tensors run side by side, one thread each, as many as
there are cores; large ones too where there are enough of them, and else share the cores among as many as there are. The
tensors that are measured at one time take at most half of the memory that is available, or what is allowed. One that
takes more than is left waits for it, and one that takes more than all of it runs alone, on all threads.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from statistics import median_low
from threading import Condition, Lock
from typing import TypeVar

from analysis.engine.memory import available, bytes_of_one, side
from analysis.linalg.kernels import SERIAL, threads
from analysis.linalg.spectrum import BLOCK
from analysis.runtime.cores import cores
from analysis.runtime.pytorch import set_threads, threads_in_use
from analysis.weight import TensorInfo

Result = TypeVar("Result")
HELD = 40 * BLOCK  # bytes that a thread's libraries keep: two threads kept 34 MiB each (docs/benchmarks.md)
SHARE = 2  # one part in so many of the available memory is taken: others need some, and what is predicted is the least


@dataclass(frozen=True, slots=True)
class Lane:
    """How tensors are measured: so many at once, each on so many threads."""

    tensors: int
    threads: int


def bound(tensors: Sequence[TensorInfo]) -> int:
    """Bytes that one of these takes at most: twice the largest in float32, and four of its float64 Gram matrices."""
    return max((8 * tensor.size + 32 * side(tensor) ** 2 for tensor in tensors if tensor.skip is None), default=0)


def lanes(sizes: Sequence[TensorInfo], needs: Sequence[int], cores: int, room: int) -> list[Lane]:
    """The lane of each tensor, by how large it is and how many bytes it needs, on so many cores with so much room.

    Small ones, which a second thread helps not, run one to a core. So do large ones, where as many as there are cores
    are there and fit; else the cores are shared among those that do.
    """
    is_large = [side(size) > SERIAL for size in sizes]
    fitting = [(large, need) for large, need in zip(is_large, needs, strict=True) if 0 < need <= room]
    large_needs, small_needs = ([need for large, need in fitting if large is which] for which in (True, False))
    at_once = min(cores, len(large_needs), room // max(large_needs)) if large_needs else 1
    of_large = Lane(at_once, max(1, cores // at_once))
    typical = room // median_low(small_needs) if small_needs else cores
    alone, of_small = Lane(1, cores), Lane(cores, 1) if typical > 1 else Lane(1, cores)
    return [
        alone if need > room else of_large if large and of_large.threads > 1 else of_small
        for large, need in zip(is_large, needs, strict=True)
    ]


def _itself(tensor: TensorInfo) -> TensorInfo:
    return tensor


def run_each(
    tensors: Sequence[TensorInfo],
    work: Callable[[TensorInfo], Result],
    device: str = "cpu",
    largest: Callable[[TensorInfo], TensorInfo] = _itself,
    need: Callable[[TensorInfo], int] = bytes_of_one,
    memory: int | None = None,
) -> Generator[tuple[TensorInfo, Result], None, None]:
    """`work` on each tensor, in their order. Closed early, it ends what it has begun and begins nothing more.

    `largest` is what counts as its size where the work reads its partners in other checkpoints too, `need` the bytes
    that the work takes with all of them. `memory` is what all may take together; None: a half of what is available.
    """
    all_threads = threads_in_use(cores())
    sizes = [largest(tensor) for tensor in tensors]
    needs = [0 if tensor.skip is not None else need(tensor) + HELD for tensor in tensors]
    room = _Room(available() // SHARE if memory is None else memory)
    count = all_threads if device == "cpu" else 1
    places = {
        id(tensor): (lane, need)
        for tensor, lane, need in zip(tensors, lanes(sizes, needs, count, room.size), needs, strict=True)
    }

    def run_one(tensor: TensorInfo) -> Result:
        with room.take(places[id(tensor)][1]):
            return work(tensor)

    with threads(all_threads):  # restored behind the pools: MKL has one number for all threads
        for lane, some in groupby(tensors, lambda tensor: places[id(tensor)][0]):
            run = list(some)
            if lane.tensors == 1:
                yield from _in_turn(run, work, all_threads)
                continue
            pool = ThreadPoolExecutor(lane.tensors, initializer=set_threads, initargs=(lane.threads,))
            with threads(1), pool:  # OpenBLAS has one number for all threads, and with more than 1 takes turns
                yield from zip(run, pool.map(run_one, run), strict=True)


def _in_turn(
    tensors: Sequence[TensorInfo], work: Callable[[TensorInfo], Result], count: int
) -> Iterator[tuple[TensorInfo, Result]]:
    """One after the other, each on all threads."""
    for tensor in tensors:
        with threads(count):
            result = work(tensor)
        yield tensor, result


class _Room:
    """Bytes to be taken by one after the other, in their turn, so that a large one is not passed for ever."""

    def __init__(self, size: int) -> None:
        self.size = self._left = size
        self._turn, self._changed = Lock(), Condition()

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
