"""Remedies for fingers: few eigenvalues far from the others, which turn the search for the start of the tail astray.

`clipped` leaves the largest out until α falls (WeightWatcher's fix_fingers="clip_xmax"); `peaked` lets the tail start
near the densest place only ("xmin_peak" of WeightWatcher, TempBalance, AlphaPruning and FARMS).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.runtime.shapes import Float64
from analysis.statistics import power_law
from analysis.statistics.power_law import FLAT, PowerLaw

FINGER_THRESH, MAX_FINGERS, LOWEST_ALPHA = 1.0, 10, 2.0  # RMT_Util.fit_clipped_powerlaw's defaults
BINS = 100  # of the histogram of log10 λ
AROUND_PEAK = (0.95, 1.5)  # of the peak, where the tail may start


@dataclass(frozen=True, slots=True)
class Clipped:
    """A fit with the largest eigenvalues left out, and the fit with all of them."""

    law: PowerLaw
    raw: PowerLaw
    fingers: int  # as WeightWatcher counts them: one less than were left out; 0 where all are kept


def clip_fingers(
    eigenvalues: Float64[np.ndarray, " k"], threshold: float = FINGER_THRESH, flat: float = FLAT
) -> Clipped | None:
    """The first fit without the 2, 3, … 9 largest of ascending, positive eigenvalues whose α is lower by the threshold.

    Nothing is left out where no α falls that far before one is at most 2. One alone is never tried, as in
    WeightWatcher's fit_clipped_powerlaw, which this repeats.
    """
    raw = power_law.fit(eigenvalues, flat)
    if raw is None:
        return None
    for count in range(2, MAX_FINGERS):
        law = power_law.fit(eigenvalues[:-count], flat)
        if law is None:
            break
        if law.alpha + threshold < raw.alpha:
            return Clipped(law, raw, count - 1)
        if law.alpha <= LOWEST_ALPHA:
            break
    return Clipped(raw, raw, 0)


def peak_range(eigenvalues: Float64[np.ndarray, " k"], as_coded: bool) -> tuple[float, float]:
    """Where a tail may start: 0.95 to 1.5 of the fullest of 100 bins of log10 λ, at its left end.

    As the authors coded it, the lower end is log10(0.95 peak), compared with eigenvalues: usually negative, so no bound
    at all. Published numbers of α_peak were made with that.
    """
    counts, ends = np.histogram(np.log10(eigenvalues), bins=BINS)
    peak = 10.0 ** float(ends[np.argmax(counts)])
    low, high = (factor * peak for factor in AROUND_PEAK)
    return (math.log10(low) if as_coded else low), high


def fit_peak(eigenvalues: Float64[np.ndarray, " k"], as_coded: bool = False, flat: float = FLAT) -> PowerLaw | None:
    """The power law of ascending, positive eigenvalues whose tail starts near the densest place; or None."""
    if len(eigenvalues) < power_law.SMALLEST:
        return None
    low, high = peak_range(eigenvalues, as_coded)
    candidates = power_law.candidates(eigenvalues, flat)
    is_inside = (eigenvalues[:-1] >= low) & (eigenvalues[:-1] <= high)
    return power_law.best_law(eigenvalues, replace(candidates, eligible=candidates.eligible & is_inside))
