"""The exponent of a tail by one of several fits, with the distance of its law: what FARMS asks of each window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from analysis.runtime.shapes import Float64
from analysis.statistics import fingers, power_law
from analysis.statistics.power_law import FLAT, RELATIVE_CUT, PowerLaw

Values = Float64[np.ndarray, " k"]

FITS = ("hill", "ks", "peak", "peak-coded")
THINNED = 20_000  # eigenvalues beyond which a search for the tail's start sees an even sample of them


@dataclass(frozen=True, slots=True)
class Exponent:
    """An exponent and the distance of its fit."""

    alpha: float
    D: float


Fit = Callable[[Values], Exponent | None]


def fit_of(name: str, flat: float = FLAT) -> Fit:
    """One of FITS, as a function of ascending eigenvalues; `flat` is what of ln λ is rounding."""
    return partial(_hill, flat) if name == "hill" else partial(_search_start, SEARCHES[name], flat)


SEARCHES: Mapping[str, Callable[[Values, float], PowerLaw | None]] = {
    "ks": power_law.fit,
    "peak": lambda values, flat: fingers.fit_peak(values, False, flat),
    "peak-coded": lambda values, flat: fingers.fit_peak(values, True, flat),
}


def _search_start(search: Callable[[Values, float], PowerLaw | None], flat: float, values: Values) -> Exponent | None:
    """By a search for the start of the tail, among an even sample where there are very many eigenvalues."""
    positive = values[values > RELATIVE_CUT * values[-1]]
    if len(positive) > THINNED:
        positive = positive[np.linspace(0, len(positive) - 1, THINNED).astype(int)]
    law = search(positive, flat)
    return None if law is None else Exponent(law.alpha, law.D)


def _hill(flat: float, values: Values) -> Exponent | None:
    """At the median, with the distance there."""
    alpha = power_law.hill(values, flat)
    if alpha is None:
        return None
    tail = values[len(values) // 2 :]
    model = np.exp((1.0 - alpha) * (np.log(tail) - np.log(tail[0])))
    gaps = model + np.arange(len(tail)) / len(tail) - 1.0
    return Exponent(alpha, float(np.abs(gaps).max()))
