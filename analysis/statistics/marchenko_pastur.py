"""The spectrum of noise: the law of Marchenko and Pastur, fitted to the bulk of a weight's eigenvalues.

The eigenvalues of WᵀW, for an M × N matrix of independent entries of variance v, fill the interval
v (√N ∓ √M)² (Marchenko and Pastur, Math. USSR Sbornik 1, 1967); the largest wavers about its end as Tracy and Widom
say. What lies beyond is signal: a spike.

`robust` finds the bulk of spiked matrices. It takes the scale first from the median of the eigenvalues not above the
cut, then from their mean, each until no further spike falls off, and counts the rows and columns that k spikes take
away: what is left is (M - k) × (N - k) noise. Of seven estimators it was the one that stayed within 3 % with a fifth of
the spectrum planted (docs/decisions/0006-robust-bulk.md). `weightwatcher` is WeightWatcher 0.7.7's own fit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from analysis.runtime.shapes import Float64

Values = Float64[np.ndarray, " k"]

ANGLES = 4096  # steps of the distribution function, whose error falls with their square: 1e-7
TRACY_WIDOM = 3.2724  # 99.9 % quantile of F₁ (Bornemann, Math. Comp. 79, 2010; recomputed in the tests)
MOST_OUTSIDE, WORST_FIT = 0.25, 0.05  # share of spikes and distance up to which a bulk is one (decisions/0006)


@dataclass(frozen=True, slots=True)
class Law:
    """The eigenvalues of WᵀW for a `small` × `large` matrix of independent entries with this variance."""

    small: int | float  # M; fractions where spikes are averaged over the slices of a convolution
    large: int | float  # N ≥ M
    variance: float

    @property
    def mean(self) -> float:
        """N v."""
        return self.large * self.variance

    @property
    def edges(self) -> tuple[float, float]:
        """Where the density begins and ends: v (√N - √M)² and v (√N + √M)²."""
        low, high = _edges(self.small / self.large)
        return low * self.mean, high * self.mean

    @property
    def cut(self) -> float:
        """What the largest eigenvalue of noise passes once in a thousand.

        Centre and scale of the Tracy-Widom law with the corrections of Ma (Bernoulli 18(1), 2012, equation 1.4).
        """
        n, m = math.sqrt(self.large - 0.5), math.sqrt(max(self.small - 0.5, 0.5))
        return self.variance * ((n + m) ** 2 + TRACY_WIDOM * (n + m) * math.cbrt(1.0 / n + 1.0 / m))

    def density(self, x: Values) -> Values:
        """√((b - x)(x - a)) M⁻¹ / (2π v x) between the edges a and b, 0 beyond them and at 0."""
        low, high = self.edges
        radicand = np.maximum((high - x) * (x - low), 0.0)
        height: Values = np.sqrt(radicand) / (2.0 * math.pi * self.small * self.variance * np.where(x > 0.0, x, np.inf))
        return height

    def cdf(self, x: Values) -> Values:
        """The share of eigenvalues up to x."""
        low, high = self.edges
        angles = np.arccos(np.clip((high + low - 2.0 * x) / (high - low), -1.0, 1.0))
        share: Values = np.interp(angles, *_distribution(self.small / self.large))
        return share

    def quantile(self, p: Values) -> Values:
        """The value that the share p of the eigenvalues stays below."""
        low, high = self.edges
        angles, shares = _distribution(self.small / self.large)
        value: Values = (high + low - (high - low) * np.cos(np.interp(p, shares, angles))) / 2.0
        return value


def _edges(q: float) -> tuple[float, float]:
    """Of the law with mean 1."""
    return (1.0 - math.sqrt(q)) ** 2, (1.0 + math.sqrt(q)) ** 2


@lru_cache(maxsize=256)
def _distribution(q: float) -> tuple[Float64[np.ndarray, " a"], Float64[np.ndarray, " a"]]:
    """Angles θ from 0 to π, x = (a + b - (b - a) cos θ) / 2, and the share of eigenvalues up to x.

    In θ the density is smooth, even where it diverges in x (M = N, x → 0): the trapezoid rule is enough.
    """
    low, high = _edges(q)
    theta = np.linspace(0.0, math.pi, ANGLES + 1)
    x = (low + high - (high - low) * np.cos(theta)) / 2.0
    slope = ((high - low) * np.sin(theta)) ** 2 / np.where(x > 0.0, x, np.inf)
    if low == 0.0:
        slope[0] = 4.0 * high  # b² sin²θ / x = 2b (1 + cos θ)
    shares = np.concatenate([[0.0], np.cumsum(slope[1:] + slope[:-1])])
    return theta, shares / shares[-1]


@dataclass(frozen=True, slots=True)
class Bulk:
    """A law fitted to the eigenvalues that are not spikes."""

    law: Law
    cut: float  # eigenvalues above it are spikes
    spikes: int
    inside: int
    sigma: float  # of an entry, where the root mean square of all entries is 1
    distance: float  # Kolmogorov-Smirnov distance of the eigenvalues inside and the law, 0 to 1

    @property
    def fits(self) -> bool:
        """Whether this is a bulk at all: most eigenvalues lie in it, as the law says.

        One eigenvalue moves the distribution by 1 / inside, which small matrices are allowed.
        """
        share = self.spikes / (self.spikes + self.inside)
        return share <= MOST_OUTSIDE and self.distance <= WORST_FIT + 1.0 / self.inside


def noise(rows: int, columns: int, variance: float) -> Law:
    """The law of a matrix of that shape whose entries are independent: what shuffling them would leave."""
    return Law(min(rows, columns), max(rows, columns), variance)


def fit(eigenvalues: Values, rows: int, columns: int, compatible: bool) -> Bulk | None:
    """The bulk by `weightwatcher` where compatible, else by `robust`."""
    return (weightwatcher if compatible else robust)(eigenvalues, rows, columns)


def robust(eigenvalues: Values, rows: int, columns: int) -> Bulk | None:
    """The bulk of ascending eigenvalues, with as many spikes as must go, up to half; None where they are all 0.

    Of a convolution the eigenvalues of all slices, each rows × columns, are pooled.
    """
    unit = _mean(eigenvalues)
    if unit == 0.0:
        return None
    small, large = sorted((rows, columns))
    all_noise = Law(small, large, 1.0 / large)  # of eigenvalues with mean 1, were they all noise
    law, spikes = all_noise, 0
    for centre in (_by_median, _by_mean):
        law, spikes = _peel_spikes(eigenvalues / unit, all_noise, spikes, centre)
    scaled_law = replace(law, variance=law.variance * unit)
    return _bulk(eigenvalues, scaled_law, scaled_law.cut, math.sqrt(law.variance * large))


Centre = Callable[[Values, Law], float]


def _by_median(inside: Values, law: Law) -> float:
    """The variance of an entry from the median: steady with up to half of the eigenvalues outside the law."""
    return law.variance * float(np.median(inside) / law.quantile(np.array([0.5]))[0])


def _by_mean(inside: Values, law: Law) -> float:
    """The variance of an entry from the mean: the most exact once the spikes are gone."""
    return float(inside.mean()) / law.large


def _peel_spikes(values: Values, whole: Law, spikes: int, centre: Centre) -> tuple[Law, int]:
    """The law once no more spikes are above its cut, and how many they are; each takes a row and a column with it."""
    slices = len(values) / whole.small
    while True:
        law = Law(whole.small - spikes / slices, whole.large - spikes / slices, whole.variance)
        law = replace(law, variance=centre(values[: len(values) - spikes], law))
        count = len(values) - int(np.searchsorted(values, law.cut, side="right"))
        if count <= spikes or 2 * count > len(values):
            return law, spikes
        spikes = count


def _bulk(eigenvalues: Values, law: Law, cut: float, sigma: float) -> Bulk:
    count = int(np.searchsorted(eigenvalues, cut, side="right"))
    return Bulk(law, cut, len(eigenvalues) - count, count, sigma, distance(eigenvalues[:count], law))


def distance(eigenvalues: Values, law: Law) -> float:
    """Kolmogorov-Smirnov distance of ascending eigenvalues and the law; 1 without any, or without noise."""
    if not eigenvalues.size or law.variance == 0.0:
        return 1.0
    shares = law.cdf(eigenvalues)
    steps = np.arange(eigenvalues.size + 1) / eigenvalues.size
    return float(max((shares - steps[:-1]).max(), (steps[1:] - shares).max()))


def _mean(eigenvalues: Values) -> float:
    """Without overflow."""
    largest = float(eigenvalues[-1])
    return largest * math.fsum(eigenvalues / largest) / len(eigenvalues) if largest > 0.0 else 0.0


# --- WeightWatcher's own fit -----------------------------------------------------------------------------------------

BANDWIDTH, GRID, THINNEST = 0.1, 1000, 0.01  # of its density estimate: RMT_Util.resid_mp and WeightWatcher.mp_fit
SWEEP = (0.05, 2.0, 0.01)  # of σ, times the σ that would put the edge at the largest eigenvalue
REFINED = 40  # steps of each finer sweep, of three: to 1e-6 of σ, where its Nelder-Mead stops at 1e-4


def weightwatcher(eigenvalues: Values, rows: int, columns: int) -> Bulk | None:
    """WeightWatcher's bulk: the σ whose density is nearest to a density estimate, by least squares.

    The estimate does not hang on σ and is made once. Of square matrices the singular values are fitted, by a quarter
    circle that is right for σ = 1 only, as there. None where all eigenvalues are 0, or no σ is admitted.
    """
    unit = _mean(eigenvalues)
    if unit == 0.0:
        return None
    small, large = sorted((rows, columns))
    sigma = _least_squares(eigenvalues / unit, small / large)
    if sigma is None:
        return None
    law = Law(small, large, sigma * sigma * unit / large)
    top = law.edges[1] / unit
    width = math.sqrt(small / large) * top ** (2.0 / 3.0) * small ** (-2.0 / 3.0)  # its "TW", whose root it adds
    return _bulk(eigenvalues, law, (top + math.sqrt(width)) * unit, sigma)


def _least_squares(values: Values, q: float) -> float | None:
    """The σ of least squares for ascending eigenvalues with mean 1."""
    points = np.sqrt(values) if q == 1.0 else values
    grid = np.linspace(0.0, points[-1] + 0.5, GRID)
    heights = triangular_density(points, grid)
    thick = heights > THINNEST
    grid, heights = grid[thick], heights[thick]
    widest = math.sqrt(float(values[-1])) / (1.0 + math.sqrt(q))
    low, high, step = (widest * factor for factor in SWEEP)
    sigmas = np.arange(low, high, step)
    for _ in range(4):
        losses = _losses(sigmas, grid, heights, q)
        index = int(np.argmin(losses))
        middle, step = sigmas[index], 2.0 * step / REFINED
        sigmas = middle + step * np.arange(-REFINED // 2, REFINED // 2 + 1)
    return float(middle) if math.isfinite(losses[index]) else None


def _losses(
    sigmas: Float64[np.ndarray, " s"], grid: Float64[np.ndarray, " g"], heights: Float64[np.ndarray, " g"], q: float
) -> Float64[np.ndarray, " s"]:
    """The squared distance of density and estimate for each σ; infinite where WeightWatcher forbids the σ."""
    variances = np.square(sigmas)[:, None]  # (s, 1)
    if q == 1.0:
        circle = np.sqrt(np.maximum(4.0 - grid * grid, 0.0)) / (math.pi * variances)
        squares: Float64[np.ndarray, " s"] = np.square(circle - heights).sum(axis=1)
        return squares
    low, high = (edge * variances for edge in _edges(q))
    radicand = np.maximum((high - grid) * (grid - low), 0.0)  # (s, g)
    model = np.sqrt(radicand) / (2.0 * math.pi * variances * q * np.where(grid > 0.0, grid, np.inf))
    peak = grid[np.argmax(heights)]
    is_forbidden = (high < peak) | (high > grid[-1]) | (low > peak)
    losses: Float64[np.ndarray, " s"] = np.where(is_forbidden[:, 0], np.inf, np.square(model - heights).sum(axis=1))
    return losses


def triangular_density(values: Values, at: Float64[np.ndarray, " g"]) -> Float64[np.ndarray, " g"]:
    """A kernel density estimate of ascending values: Σ max(0, 1 - |x - xᵢ| / h) / (n h), by prefix sums."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    left, middle, right = (np.searchsorted(values, at + shift) for shift in (-BANDWIDTH, 0.0, BANDWIDTH))
    rising = (middle - left) * (BANDWIDTH - at) + sums[middle] - sums[left]
    falling = (right - middle) * (BANDWIDTH + at) - sums[right] + sums[middle]
    density: Float64[np.ndarray, " g"] = (rising + falling) / (len(values) * BANDWIDTH**2)
    return density
