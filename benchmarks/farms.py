"""FARMS windows by default settings against a plain loop of SVDs over them: `python -m benchmarks.farms`.

The loop is the authors' way: cut a window, take its singular values, go on; once in float64 as ours, once in float32 as
theirs. One thread, CPU seconds. Medians.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from analysis.diagnostics.farms import windows
from analysis.diagnostics.farms.windows import Windows
from analysis.weight import Weight, WeightInfo
from benchmarks.timing import burnt, markdown, one_thread, paired, ratio_row

SHAPES = ((1536, 384, 5), (3072, 768, 3), (2048, 2048, 1), (4096, 1024, 1))


def ours(weight: Weight, cut: Windows) -> np.ndarray:
    return windows.spectra(weight, cut)


def loop(matrix: Tensor, cut: Windows, dtype: torch.dtype) -> np.ndarray:
    found = [torch.linalg.svdvals(window.to(dtype)).flip(0).square().numpy() for window in cut.cut(matrix)]
    return np.array(found)[None]


def main() -> None:
    one_thread()
    rows, worst = [], 0.0
    for m, n, rounds in SHAPES:
        matrix = torch.randn(m, n, generator=torch.Generator().manual_seed(0))
        weight = Weight(WeightInfo("w", "w", m, n, 1, "up", 0), matrix[None])
        cut = windows.covering(m, n, windows.LARGEST, 1.0)
        one, other = ours(weight, cut), loop(matrix, cut, torch.float64)
        worst = max(worst, float(np.max(np.abs(one - other) / other[..., -1:])))
        for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
            times = paired(partial(ours, weight, cut), partial(loop, matrix, cut, dtype), rounds, burnt)
            rows.append(ratio_row(f"{m} × {n}, {cut.count} of {cut.long} × {cut.short}; loop in {name}", *times))
    print(markdown(("windows", "Eigenscope", "loop of svdvals", "ratio"), rows))
    print(f"\nLargest difference to the loop in float64: {worst:.1e} of the largest eigenvalue.")


if __name__ == "__main__":
    main()
