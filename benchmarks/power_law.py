"""Our tail fit against WeightWatcher's on the same eigenvalues, CPU seconds: `python -m benchmarks.power_law`."""

import contextlib
import io
import warnings

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from analysis.statistics.power_law import fit
from benchmarks.timing import burnt, markdown, one_thread, paired, ratio_row

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


def large(size: int) -> dict[str, np.ndarray]:
    """The same kinds without forming matrices: noise by its tridiagonal model (Dumitriu and Edelman 2002, β = 1)."""
    rng = np.random.default_rng(0)
    diagonal = np.sqrt(rng.chisquare(2 * size - np.arange(size)))
    below = np.sqrt(rng.chisquare(size - 1 - np.arange(size - 1)))
    noise = eigvalsh_tridiagonal(diagonal**2 + np.append(0.0, below**2), diagonal[:-1] * below)
    tail = np.sort(np.concatenate([noise[size // 10 :], noise[-1] * (rng.pareto(2.0, size // 10) + 1.0)]))
    return {"noise": noise, "heavy tail": tail, "power law": np.sort(rng.pareto(1.5, size) + 1.0)}


def main() -> None:
    one_thread()
    rows = []
    for size, rounds in ((384, 31), (768, 15), (4096, 7), (15000, 3)):
        for kind, values in (spectra(size) if size <= 4096 else large(size)).items():
            law, peer = fit(values), WWFit(values)
            assert law is not None
            assert abs(law.alpha - peer.alpha) < 1e-9 * peer.alpha
            ours, theirs = paired(lambda x=values: fit(x), lambda x=values: WWFit(x), rounds, burnt)  # type: ignore[misc]
            rows.append(ratio_row(f"{kind}, {size} eigenvalues", ours, theirs))
    print(markdown(("tail fit", "Eigenscope", "WeightWatcher 0.7.7", "ratio"), rows))


if __name__ == "__main__":
    main()
