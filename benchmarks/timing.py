"""Paired timings: both sides in one run, in turn, so that a busy machine slows both; medians and their ratio."""

import time
from collections.abc import Callable, Sequence
from statistics import median


def paired(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of each, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for found, run in zip(times, (ours, theirs), strict=True):
            began = time.perf_counter()
            run()
            found.append(time.perf_counter() - began)
    return median(times[0][1:]), median(times[1][1:])


def ratio_row(name: str, ours: float, theirs: float) -> tuple[str, ...]:
    return (name, spoken(ours), spoken(theirs), f"{theirs / ours:.1f} ×")


def spoken(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
