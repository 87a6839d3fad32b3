"""The Gram route against an SVD, both in float64 on one thread, values only: `python -m benchmarks.spectrum`."""

import numpy as np
import torch

from analysis.linalg.spectrum import decompose
from benchmarks.timing import burnt, markdown, one_thread, paired, ratio_row

SHAPES = ((384, 384, 9), (1536, 384, 9), (30522, 384, 3), (1024, 1024, 5), (2048, 2048, 3), (4096, 1024, 3))


def main() -> None:
    one_thread()
    rows, worst = [], 0.0
    for m, n, rounds in SHAPES:
        matrix = torch.randn(m, n, generator=torch.Generator().manual_seed(0))
        values = torch.linalg.svdvals(matrix.double()).flip(0).numpy()
        worst = max(worst, float(np.max(np.abs(decompose(matrix[None]).values - values) / values[-1])))
        ours, theirs = paired(
            lambda w=matrix: decompose(w[None]),  # type: ignore[misc]
            lambda w=matrix: torch.linalg.svdvals(w.double()),  # type: ignore[misc]
            rounds,
            burnt,
        )
        rows.append(ratio_row(f"{m} × {n}", ours, theirs))
    print(markdown(("singular values", "Gram route", "SVD", "ratio"), rows))
    print(f"\nLargest difference between the two: {worst:.1e} of the largest singular value.")


if __name__ == "__main__":
    main()
