"""A first look beside the exact one: `python -m benchmarks.first_look [speed | coverage]`, CPU seconds of one thread.

*Speed*: all of a first look and all default diagnostics on the same matrices. *Coverage*: in how many matrices the
interval of a few windows holds α FARMS: matrices of MiniLM, and planted ones that the interval was not made on.
"""

import math
import sys
import time
from collections.abc import Iterator

import torch
from safetensors.torch import load_file
from torch import Tensor

from analysis.diagnostic import Request, measure
from analysis.diagnostics import requests
from analysis.diagnostics.farms.diagnostic import FARMS
from analysis.diagnostics.first_look.tail import estimate
from analysis.weight import Weight, WeightInfo
from benchmarks.examples import minilm
from benchmarks.timing import markdown, one_thread

SIDES = (2048, 4096)
SMALLEST = 384  # side of the matrices of MiniLM


def weight(matrix: Tensor) -> Weight:
    rows, columns = matrix.shape
    return Weight(WeightInfo("w", "w", rows, columns, 1, "q", 0), matrix[None])


def planted(rows: int, columns: int, kind: str, strength: float, noise: torch.Generator) -> Tensor:
    """Noise; noise whose columns differ in size; or singular values i^-strength with random vectors."""
    if kind == "power":
        left, right = (torch.linalg.qr(torch.randn(n, columns, generator=noise)).Q for n in (rows, columns))
        spectrum = torch.arange(1, columns + 1).float() ** -strength
        product: Tensor = (left * spectrum) @ right.T
        return product
    sizes = torch.rand(columns, generator=noise).clamp_(min=1e-3) ** -strength
    return torch.randn(rows, columns, generator=noise) * sizes


def seconds(asked: tuple[Request, ...], matrix: Tensor) -> float:
    began, one = time.process_time(), weight(matrix)
    for request in asked:
        measure(request, (one,))
    return time.process_time() - began


def speed() -> Iterator[tuple[str, ...]]:
    noise = torch.Generator().manual_seed(7)
    look = requests({"first_look": {}})
    for side in SIDES:
        for kind, strength in (("noise", 0.0), ("columns of other sizes", 0.3)):
            matrix = planted(side, side, "columns", strength, noise)
            quick, exact = seconds(look, matrix), seconds(requests(None), matrix)
            yield f"{side} × {side}, {kind}", f"{quick:.2f} s", f"{exact:.2f} s", f"{exact / quick:.1f} ×"


def holds(matrix: Tensor) -> tuple[bool, bool]:
    """Whether the interval holds α FARMS, and whether its upper end is open."""
    found = estimate(matrix)
    alpha = FARMS.compute((weight(matrix),), FARMS.settings({})).values["alpha_farms"]
    assert found is not None
    assert isinstance(alpha, float)
    return found.low <= alpha <= (math.inf if found.high is None else found.high), found.high is None


def coverage() -> Iterator[tuple[str, ...]]:
    state = load_file(minilm())
    real = [m for m in state.values() if m.ndim == 2 and min(m.shape) >= SMALLEST and max(m.shape) < 5000]
    noise = torch.Generator().manual_seed(11)
    fresh = [
        planted(rows, 1024, kind, strength, noise)
        for rows in (1024, 1536)
        for kind, strengths in (("columns", (0.0, 0.1, 0.3, 0.5)), ("power", (0.3, 0.6, 1.0)))
        for strength in strengths
    ]
    for title, some in (("MiniLM", real), ("planted", fresh)):
        found = [holds(matrix) for matrix in some]
        yield title, str(len(found)), str(sum(held for held, _ in found)), str(sum(is_open for _, is_open in found))


def main(which: str = "") -> None:
    one_thread()
    if which in ("", "speed"):
        print(markdown(("matrix", "first look", "exact", "ratio"), list(speed())))
    if which in ("", "coverage"):
        print(markdown(("matrices", "number", "interval holds", "open above"), list(coverage())))


if __name__ == "__main__":
    main(*sys.argv[1:])
