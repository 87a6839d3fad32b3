"""Clipping and peaks against WeightWatcher's own functions, and the authors' slip beside what they meant."""

import contextlib
import io
import math
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.statistics import power_law
from analysis.statistics.fingers import clip_fingers, fit_peak, peak_range

Values = NDArray[np.float64]


def fingered(size: int, fingers: int, seed: int) -> Values:
    """The eigenvalues of noise, and a few somewhat above."""
    rng = np.random.default_rng(seed)
    bulk = np.linalg.svd(rng.standard_normal((size, 2 * size)), compute_uv=False)[::-1] ** 2
    return np.sort(np.concatenate([bulk, 1.2 * bulk[-1] * np.exp(0.3 * rng.uniform(size=fingers))]))


def weightwatchers(x: Values) -> tuple[float, int, float]:
    """(alpha, fingers, raw alpha) of its fit_clipped_powerlaw."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from weightwatcher import RMT_Util

        best, fingers, first = RMT_Util.fit_clipped_powerlaw(x)
    return float(best.alpha), int(fingers), float(first.alpha)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fingers", [0, 1, 4])
def test_clipping_is_weightwatchers(seed: int, fingers: int) -> None:
    x = fingered(150, fingers, seed)
    found = clip_fingers(x)
    assert found is not None
    assert (found.law.alpha, found.fingers, found.raw.alpha) == pytest.approx(weightwatchers(x), rel=1e-9)


def test_clipping_lowers_the_exponent_by_the_threshold_or_leaves_it() -> None:
    found = [clip_fingers(fingered(150, fingers, seed)) for seed in range(6) for fingers in (0, 1, 4)]
    assert any(one is not None and one.fingers for one in found)
    for one in found:
        assert one is not None
        assert one.law.alpha + 1.0 < one.raw.alpha if one.fingers else one.law == one.raw


def test_equal_values_have_nothing_to_clip() -> None:
    assert clip_fingers(np.ones(30)) is None
    near = np.linspace(1.0, 1.001, 30)
    assert clip_fingers(near) is not None
    assert clip_fingers(near, flat=2e-3) is None
    assert fit_peak(near, flat=2e-3) is None


def test_the_coded_lower_end_is_no_bound() -> None:
    """Uniform values: the intended rule admits a narrow range, the coded one everything up to 1.5 times the peak."""
    x = np.sort(np.random.default_rng(0).uniform(0.05, 1.0, 500))
    low, high = peak_range(x, as_coded=False)
    coded_low, coded_high = peak_range(x, as_coded=True)
    assert coded_high == high
    assert low == pytest.approx(0.95 * high / 1.5)
    assert coded_low == pytest.approx(math.log10(low))
    assert coded_low < 0.0 < low
    intended, coded = fit_peak(x), fit_peak(x, as_coded=True)
    assert intended is not None
    assert coded is not None
    assert low <= intended.xmin <= high
    assert coded.xmin <= high
    assert coded.D <= intended.D


def test_peaks_by_exhaustive_search() -> None:
    x = np.sort(np.random.default_rng(2).pareto(1.5, 400) + 1.0)
    low, high = peak_range(x, as_coded=False)
    found = power_law.candidates(x)
    inside = [i for i in np.flatnonzero(found.eligible) if low <= x[i] <= high]
    best = min(inside, key=lambda i: (found.distance(int(i)), i))
    law = fit_peak(x)
    assert law is not None
    assert (law.xmin, law.D) == (float(x[best]), found.distance(int(best)))
    assert law.fitted == len(x) - best


def test_too_few_have_no_peak() -> None:
    assert fit_peak(np.arange(1.0, 7.0)) is None
