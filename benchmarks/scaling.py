"""σ₁ alone, with its bound, against all singular values, on one thread: `python -m benchmarks.scaling [SIDE]`.

CPU seconds, so that other work on the machine counts for neither. Gaussian matrices are the hardest for the search, for
their largest singular values lie closest together; trained weights fall off as the steep ones do, or faster.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from analysis.diagnostics.top_singular_value.largest import largest
from analysis.linalg.spectrum import decompose
from benchmarks.timing import markdown, one_thread, spoken

SHAPES = ((1024, 1024, 5), (2048, 2048, 3), (8192, 2048, 1), (4096, 4096, 1))
HEAD = ("", "σ₁ alone", "bound", "all σ, ours", "ratio", "svdvals, float64", "ratio", "svd, float64", "ratio")


def randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def steep(rows: int, columns: int) -> Tensor:
    """Singular values i^-½."""
    left, right = (torch.linalg.qr(randn(n, columns, seed=seed)).Q for n, seed in ((rows, 0), (columns, 1)))
    found: Tensor = (left * torch.arange(1.0, columns + 1.0).pow(-0.5)) @ right.T
    return found


def seconds(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return median(times)


def row(name: str, matrix: Tensor, rounds: int) -> tuple[str, ...]:
    found = largest(matrix)
    everything = decompose(matrix[None]).largest
    assert found.method == "krylov"
    assert found.value <= everything * (1.0 + 1e-12) <= found.value * (1.0 + found.error + 1e-12)
    ours = seconds(lambda: largest(matrix), max(3, rounds))
    peers = (lambda: decompose(matrix[None]), lambda: torch.linalg.svdvals(matrix.double()),
             lambda: torch.linalg.svd(matrix.double(), full_matrices=False))  # fmt: skip
    cells = [spoken(ours), f"{found.error:.0e}"]
    for peer in peers:
        theirs = seconds(peer, rounds)
        cells += [spoken(theirs), f"{theirs / ours:.1f} ×"]
    return (name, *cells)


def main(largest_side: int = 8192) -> None:
    one_thread()
    rows = []
    for m, n, rounds in SHAPES:
        if max(m, n) <= largest_side:
            rows.append(row(f"{m} × {n}, Gaussian", randn(m, n, seed=0), rounds))
            rows.append(row(f"{m} × {n}, σ = i^-½", steep(m, n), rounds))
    print(markdown(HEAD, rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
