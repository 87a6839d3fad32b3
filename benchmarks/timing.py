"""Paired timings: both sides in one run, in turn, so that a busy machine slows both; medians and their ratio."""

import resource
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from threadpoolctl import threadpool_limits


def one_thread() -> None:
    """PyTorch and the libraries of NumPy and SciPy use one thread from now on."""
    torch.set_num_threads(1)
    threadpool_limits(1)


def burnt() -> float:
    """CPU seconds of this process and of those that it waited for: a busy machine adds little to them."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def paired(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median seconds of each, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for found, run in zip(times, (ours, theirs), strict=True):
            began = clock()
            run()
            found.append(clock() - began)
    return median(times[0][1:]), median(times[1][1:])


def busy(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[tuple[float, float], ...]:
    """The same, each as (wall, CPU of all threads), without a round that does not count: for what takes minutes."""
    times: tuple[list[float], ...] = ([], [], [], [])
    for _ in range(rounds):
        for i, run in enumerate((ours, theirs)):
            began, before = time.perf_counter(), burnt()
            run()
            times[2 * i].append(time.perf_counter() - began)
            times[2 * i + 1].append(burnt() - before)
    walls = [median(found) for found in times]
    return (walls[0], walls[1]), (walls[2], walls[3])


def busy_row(name: str, ours: tuple[float, float], theirs: tuple[float, float]) -> tuple[str, ...]:
    """Seconds of wall and of CPU on both sides, and both ratios."""
    told = [f"{spoken(wall)} ({spoken(cpu)})" for wall, cpu in (ours, theirs)]
    return (name, *told, f"{theirs[0] / ours[0]:.1f} ×", f"{theirs[1] / ours[1]:.1f} ×")


def ratio_row(name: str, ours: float, theirs: float) -> tuple[str, ...]:
    return (name, spoken(ours), spoken(theirs), f"{theirs / ours:.1f} ×")


def spoken(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
