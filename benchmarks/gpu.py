"""What a GPU gains over the CPU beside it, and whether both find the same: `python -m benchmarks.gpu`.

Spectra of many matrices of one shape, in one batch and one after the other, and intruder dimensions of a pair; both in
float64, as everywhere. Seconds of wall, medians of three after a round that does not count, both sides in turn. Without
a GPU it says so, and compares nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from analysis.diagnostic import Measurement, Request, measure
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from analysis.engine.device import best_device, on_devices
from analysis.linalg.spectrum import Spectrum, decompose, decompose_each
from analysis.weight import Factors, Weight, WeightInfo
from benchmarks.timing import markdown, paired, ratio_row

SPECTRA = ((64, 384, 384), (16, 1024, 1024), (4, 4096, 1024), (1, 4096, 4096))  # how many, rows, columns
PAIRS = ((1024, 1024), (4096, 1024), (4096, 4096))
DTYPES = (torch.float32, torch.bfloat16)
ROUNDS = 3
HEAD = ("", "GPU", "CPU", "ratio", "largest difference")


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    drawn: torch.Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn


def finish(device: str, run: Callable[[], object]) -> Callable[[], None]:
    """The run, until the device is done with it."""

    def whole() -> None:
        run()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    return whole


def row(
    name: str, device: str, there: Callable[[], object], here: Callable[[], object], apart: float, rounds: int
) -> tuple[str, ...]:
    return (*ratio_row(name, *paired(finish(device, there), here, rounds)), f"{apart:.0e}")


def difference(ours: Sequence[Spectrum], theirs: Sequence[Spectrum]) -> float:
    """Of singular values, over the largest of each matrix."""
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(one.slices - other.slices).max()) / (other.largest or 1.0) for one, other in pairs)


def spectra(device: str, count: int, rows: int, columns: int, dtype: torch.dtype, rounds: int) -> list[tuple[str, ...]]:
    """A batch in one call, and one after the other, against the CPU, which has no batches."""
    matrices = randn(count, 1, rows, columns).to(dtype)
    moved = matrices.to(device)

    def here() -> list[Spectrum]:
        return [decompose(matrix) for matrix in matrices]

    expected, name = here(), f"{count} × ({rows} × {columns}), {str(dtype).removeprefix('torch.')}"
    ways: dict[str, Callable[[], list[Spectrum]]] = {
        "one batch": lambda: decompose_each(moved),
        "in turn": lambda: [decompose(matrix) for matrix in moved],
    }
    return [
        row(f"{name}, {way}", device, there, here, difference(there(), expected), rounds) for way, there in ways.items()
    ]


def pair(rows: int, columns: int) -> tuple[Weight, Weight]:
    """A base, and it with an adapter of rank 8 added that has intruders."""
    info = WeightInfo("w", "w", rows, columns, 1, "up", 0)
    base = Weight(info, randn(1, rows, columns))
    left, right = randn(rows, 8, seed=1), 0.1 * randn(8, columns, seed=2)
    return base, Weight(info, base.slices + left @ right, base, Factors(left, right))


def intruders(device: str, rows: int, columns: int, rounds: int) -> tuple[str, ...]:
    request = Request(INTRUDERS, INTRUDERS.settings({}))

    def run(on: str) -> Measurement:
        base, tuned = pair(rows, columns)
        fresh = replace(base)
        weights = {0: fresh, 1: replace(tuned, base=fresh)}
        return on_devices(on, weights, lambda there: measure(request, (there[0], there[1])))  # type: ignore[arg-type]

    ours, theirs = run(device), run("cpu")
    assert ours.values["count"] == theirs.values["count"], "the counts differ"
    apart = float(np.abs(ours.curves["best_match"] - theirs.curves["best_match"]).max())
    return row(f"intruders, {rows} × {columns}", device, lambda: run(device), lambda: run("cpu"), apart, rounds)


def tables(
    device: str,
    rounds: int = ROUNDS,
    shapes: Sequence[tuple[int, int, int]] = SPECTRA,
    pairs: Sequence[tuple[int, int]] = PAIRS,
) -> list[tuple[str, ...]]:
    found = [line for shape in shapes for dtype in DTYPES for line in spectra(device, *shape, dtype, rounds)]
    return [*found, *(intruders(device, *shape, rounds) for shape in pairs)]


def main() -> None:
    device = best_device()
    if device == "cpu":
        print("PyTorch sees no GPU here: nothing is compared.")
        return
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, all in float64\n")
    print(markdown(HEAD, tables(device)))


if __name__ == "__main__":
    main()
