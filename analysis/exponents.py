"""The exponent of a tail by one of several fits, with the distance of its law: what FARMS asks of each window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64

from analysis import fingers, power_law
from analysis.cuts import RELATIVE_CUT
from analysis.power_law import PowerLaw

Values = Float64[np.ndarray, " k"]

FITS = ("hill", "ks", "peak", "peak-coded")
THINNED = 20_000  # eigenvalues beyond which a search for the tail's start sees an even sample of them


@dataclass(frozen=True, slots=True)
class Exponent:
    """An exponent and the distance of its fit."""

    alpha: float
    D: float


Fit = Callable[[Values], Exponent | None]


def fit_of(name: str) -> Fit:
    """One of FITS, as a function of ascending eigenvalues."""
    return _hill if name == "hill" else partial(_searched, SEARCHES[name])


SEARCHES: Mapping[str, Callable[[Values], PowerLaw | None]] = {
    "ks": power_law.fit,
    "peak": partial(fingers.peaked, as_coded=False),
    "peak-coded": partial(fingers.peaked, as_coded=True),
}


def _searched(search: Callable[[Values], PowerLaw | None], values: Values) -> Exponent | None:
    """By a search for the start of the tail, among an even sample where there are very many eigenvalues."""
    positive = values[values > RELATIVE_CUT * values[-1]]
    if len(positive) > THINNED:
        positive = positive[np.linspace(0, len(positive) - 1, THINNED).astype(int)]
    law = search(positive)
    return None if law is None else Exponent(law.alpha, law.D)


def _hill(values: Values) -> Exponent | None:
    """At the median, with the distance there."""
    alpha = power_law.hill(values)
    if alpha is None:
        return None
    tail = values[len(values) // 2 :]
    gaps = (tail / tail[0]) ** (1.0 - alpha) + np.arange(len(tail)) / len(tail) - 1.0
    return Exponent(alpha, float(np.abs(gaps).max()))
