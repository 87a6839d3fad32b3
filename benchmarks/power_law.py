"""Our tail fit against WeightWatcher's on the same eigenvalues: `python -m benchmarks.power_law`."""

import contextlib
import io
import warnings

import numpy as np

from analysis.power_law import fit
from benchmarks.timing import markdown, paired, ratio_row

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    from weightwatcher.WW_powerlaw import WWFit


def spectra(size: int) -> dict[str, np.ndarray]:
    """Ascending eigenvalues: noise, heavy-tailed entries, and the hardest for the search, a pure power law."""
    rng = np.random.default_rng(0)
    noise, heavy = rng.standard_normal((size, 2 * size)), rng.standard_t(3.0, (size, 2 * size))
    return {
        "noise": np.linalg.eigvalsh(noise @ noise.T),
        "heavy tail": np.linalg.eigvalsh(heavy @ heavy.T),
        "power law": np.sort(rng.pareto(1.5, size) + 1.0),
    }


def main() -> None:
    rows = []
    for size, rounds in ((384, 31), (4096, 7)):
        for kind, values in spectra(size).items():
            law, peer = fit(values), WWFit(values)
            assert law is not None
            assert abs(law.alpha - peer.alpha) < 1e-9 * peer.alpha
            ours, theirs = paired(lambda x=values: fit(x), lambda x=values: WWFit(x), rounds)  # type: ignore[misc]
            rows.append(ratio_row(f"{kind}, {size} eigenvalues", ours, theirs))
    print(markdown(("tail fit", "Eigenscope", "WeightWatcher 0.7.7", "ratio"), rows))


if __name__ == "__main__":
    main()
