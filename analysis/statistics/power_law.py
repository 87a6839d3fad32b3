"""Power laws fitted to the tail of a spectrum: p(λ) ∝ λ^-α for λ ≥ xmin.

`fit` searches the start of the tail by the Kolmogorov-Smirnov distance (Clauset, Shalizi and Newman, SIAM Review 51,
2009, section 3.3), in the form of WeightWatcher 0.7.7; `hill` takes the upper half (TempBalance, Zhou et al. 2023).

The search is exact and does not look at everything. A candidate's distance D is the largest of as many gaps as its tail
has points, so the largest of a few of them bounds it from below. Candidates whose bound is above a D already found
cannot win. Of those left, a few spread over all of them are evaluated, and where the gap of one is widest, that of its
neighbours is nearly so: two gaps bound a neighbour closely. The rest are evaluated in the order of their bounds until
the next bound is above the best.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.runtime.shapes import Bool, Float64, Int

SMALLEST = 8  # eigenvalues below which nothing is fitted (WeightWatcher's min_evals)
SMALLEST_COMPATIBLE = 2  # of those above its cut, that WeightWatcher fits where the matrix has SMALLEST in all
SMALL_N = 20  # eigenvalues below which the estimate is corrected for bias (WeightWatcher's SMALL_N_CUTOFF)
FLAT = 1e-9  # a tail whose ends differ by less, in ln λ, holds equal values and rounding (linalg.rounding.flat)
RELATIVE_CUT = 1e-12  # λ/λ₁ = (1e-6)²: float32 weights hold no smaller singular value that is not rounding
SEARCH = 1.3  # times σ is the error once the start was searched: covers as it should on Pareto tails (docs/truth.md)
PROBES = 8  # gaps that bound D, of all candidates (fastest of those tried, see docs)
STRIDE = 2.0  # times √n: one of so many of those left is evaluated for its neighbours' sake
FEW = 16  # candidates left, up to which each may as well be evaluated
TOGETHER = 1 << 14  # gaps at a time, 128 KiB: of half and twice that as fast or faster
SLACK = 1e-12  # above the rounding of D, so that a bound never passes the D that it bounds


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A fitted tail from `xmin` to `xmax`."""

    alpha: float  # exponent, > 1
    xmin: float
    xmax: float
    D: float  # Kolmogorov-Smirnov distance of tail and law, 0 to 1
    tail: int  # eigenvalues ≥ xmin
    fitted: int  # those the exponent was taken from: fewer than the tail where xmin has ties

    @property
    def sigma(self) -> float:
        """Standard error of α: (α - 1) / √n (Clauset et al., equation 3.2)."""
        return (self.alpha - 1.0) / math.sqrt(self.fitted)

    @property
    def error(self) -> float:
        """Standard error of α with that of the search for its start, on power laws; noise errs by more."""
        return SEARCH * self.sigma


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every possible start of the tail with its exponent, before any distance is known."""

    logs: Float64[np.ndarray, " k"]  # ln λ, ascending
    alphas: Float64[np.ndarray, " c"]  # c = k - 1, one for each start; > 1 where eligible
    eligible: Bool[np.ndarray, " c"]

    def distance(self, i: int) -> float:
        """D of an eligible candidate: max over its tail of |1 - (x_j / x_i)^(1 - α) - j / n|, j = 0 … n - 1; below 1.

        Only the left limits j / n of the empirical distribution count, as in WeightWatcher, so D may be 1 / n less
        than the two-sided distance.
        """
        gaps = self._gaps(i)
        return max(float(gaps.max()), -float(gaps.min()))

    def widest(self, i: int) -> tuple[float, int]:
        """D of an eligible candidate, and which eigenvalue has that gap."""
        gaps = np.abs(self._gaps(i))
        index = int(gaps.argmax())
        return float(gaps[index]), i + index

    def _gaps(self, i: int) -> Float64[np.ndarray, " n"]:
        gaps: Float64[np.ndarray, " n"] = self.logs[i:] - self.logs[i]
        gaps *= 1.0 - self.alphas[i]
        np.exp(gaps, out=gaps)
        gaps += np.arange(len(gaps)) / len(gaps)
        gaps -= 1.0
        return gaps

    def distances(self, chosen: Int[np.ndarray, " i"]) -> Float64[np.ndarray, " i"]:
        """D of each of them, ascending, to the last bit as `distance` has it: as many at a time as the caches hold."""
        values, position = np.empty(len(chosen)), 0
        while position < len(chosen):
            first = int(chosen[position])
            some = chosen[position : position + max(1, TOGETHER // (len(self.logs) - first))]
            values[position : position + len(some)] = self._distances(first, some[:, None])
            position += len(some)
        return values

    def _distances(self, first: int, starts: Int[np.ndarray, "i 1"]) -> Float64[np.ndarray, " i"]:
        gaps = np.maximum(self.logs[first:] - self.logs[starts], 0.0)  # 0 before the start: no gap there
        gaps *= 1.0 - self.alphas[starts]
        np.exp(gaps, out=gaps)
        gaps += np.maximum(np.arange(first, len(self.logs)) - starts, 0) / (len(self.logs) - starts)
        gaps -= 1.0
        largest: Float64[np.ndarray, " i"] = np.maximum(gaps.max(axis=1), -gaps.min(axis=1))
        return largest

    def bounds(self, chosen: Int[np.ndarray, " i"], probes: int) -> Float64[np.ndarray, " i"]:
        """A lower bound on the D of each chosen candidate, from that many positions of its tail."""
        sizes = len(self.logs) - chosen[:, None]  # (i, 1)
        return self._bounds(chosen[:, None], np.arange(1, probes + 1) * (sizes - 1) // probes)

    def bounds_at(self, chosen: Int[np.ndarray, " i"], places: Int[np.ndarray, "i p"]) -> Float64[np.ndarray, " i"]:
        """The same from the gaps at these eigenvalues, of those that lie in the tail."""
        return self._bounds(chosen[:, None], np.maximum(places - chosen[:, None], 0))

    def _bounds(self, starts: Int[np.ndarray, "i 1"], steps: Int[np.ndarray, "i p"]) -> Float64[np.ndarray, " i"]:
        rise = self.logs[starts + steps] - self.logs[starts]
        model = np.exp((1.0 - self.alphas[starts]) * rise)
        lowest: Float64[np.ndarray, " i"] = np.abs(1.0 - model - steps / (len(self.logs) - starts)).max(axis=1)
        return lowest


def candidates(eigenvalues: Float64[np.ndarray, " k"], flat: float = FLAT) -> Candidates:
    """The candidates of ascending, positive eigenvalues. Ties are kept, as in WeightWatcher; flat tails are out.

    α_i = 1 + n / Σ ln(x_j / x_i) over the n points from x_i on (Clauset et al., equation 3.1), with n - 1 instead of n
    in small samples, where a tail needs eight points (WeightWatcher's fit_powerlaw_smallN).
    """
    logs = np.log(eigenvalues)
    sizes = np.arange(len(logs), 1, -1)  # n of each tail
    below_top = logs[-1] - logs  # ≥ 0; sums of it lose less than sums of logarithms of any scale
    sums = sizes * below_top[:-1] - np.cumsum(below_top[::-1])[:0:-1]
    eligible = (below_top[:-1] > flat) & (sums > 0.0)
    if len(logs) < SMALL_N:
        eligible &= sizes >= min(SMALLEST, len(logs))
        sizes = sizes - 1
    alphas = 1.0 + np.divide(sizes, sums, out=np.full(len(sums), np.inf), where=eligible)
    return Candidates(logs, alphas, eligible)


def fit(eigenvalues: Float64[np.ndarray, " k"], flat: float = FLAT, least: int = SMALLEST) -> PowerLaw | None:
    """The power law of ascending, positive eigenvalues, or None: fewer than `least` of them, or all are equal.

    Equal are those that differ by no more than `flat`, in ln λ.
    """
    if len(eigenvalues) < least:
        return None
    return best_law(eigenvalues, candidates(eigenvalues, flat))


def best_law(eigenvalues: Float64[np.ndarray, " k"], found: Candidates) -> PowerLaw | None:
    """The power law of the eligible candidate with the least D; None where none is eligible."""
    if not found.eligible.any():
        return None
    index, distance = search(found)
    return PowerLaw(
        alpha=float(found.alphas[index]),
        xmin=float(eigenvalues[index]),
        xmax=float(eigenvalues[-1]),
        D=distance,
        tail=len(eigenvalues) - int(np.searchsorted(eigenvalues, eigenvalues[index])),  # ties of xmin belong to it
        fitted=len(eigenvalues) - index,
    )


def search(found: Candidates) -> tuple[int, float]:
    """The first candidate with the least D, and that D: exactly what evaluating all of them gives."""
    indices = np.flatnonzero(found.eligible)
    bounds = found.bounds(indices, PROBES)
    ceiling = found.distance(int(indices[np.argmin(bounds)]))
    indices, bounds = _select_near(indices, bounds, ceiling)
    if len(indices) > FEW:
        stride = int(STRIDE * math.sqrt(len(indices)))
        widest = [found.widest(int(i)) for i in indices[::stride]]
        places = np.array([place for _, place in widest] + [widest[-1][1]])
        brackets = np.repeat(np.stack([places[:-1], places[1:]], axis=1), stride, axis=0)[: len(indices)]
        ceiling = min(ceiling, *(distance for distance, _ in widest))
        indices, bounds = _select_near(indices, np.maximum(bounds, found.bounds_at(indices, brackets)), ceiling)
    return _least_distance(found, indices, bounds)


def _select_near(
    chosen: Int[np.ndarray, " i"], bounds: Float64[np.ndarray, " i"], ceiling: float
) -> tuple[Int[np.ndarray, " j"], Float64[np.ndarray, " j"]]:
    """Those that may still win, with their bounds."""
    is_near = bounds <= ceiling + SLACK
    return chosen[is_near], bounds[is_near]


def _least_distance(
    found: Candidates, chosen: Int[np.ndarray, " i"], bounds: Float64[np.ndarray, " i"]
) -> tuple[int, float]:
    index, smallest = -1, math.inf
    for k in np.argsort(bounds, kind="stable"):
        if bounds[k] > smallest + SLACK:
            break
        smallest, index = min((smallest, index), (found.distance(int(chosen[k])), int(chosen[k])))
    return index, smallest


@dataclass(frozen=True, slots=True)
class Curve:
    """Candidates for a figure: how D and α hang on the start of the tail."""

    xmin: Float64[np.ndarray, " p"]  # ascending
    D: Float64[np.ndarray, " p"]
    alpha: Float64[np.ndarray, " p"]


def curve(eigenvalues: Float64[np.ndarray, " k"], law: PowerLaw, points: int, flat: float = FLAT) -> Curve:
    """At most that many candidates, evenly spread over ln xmin, and the chosen one."""
    pool = candidates(eigenvalues, flat)
    starts = pool.logs[:-1]
    spread = np.searchsorted(starts, np.linspace(starts[0], starts[-1], points - 1))
    indices = np.union1d(spread if len(starts) > points else np.arange(len(starts)), [len(eigenvalues) - law.fitted])
    indices = indices[pool.eligible[indices]]
    return Curve(eigenvalues[indices], pool.distances(indices), pool.alphas[indices])


def hill(eigenvalues: Float64[np.ndarray, " k"], flat: float = FLAT) -> float | None:
    """Hill's exponent of the upper half of ascending eigenvalues; None where that half begins with 0 or is flat.

    1 + n / Σ ln(x_j / x_i) with i = ⌊K / 2⌋ and n = K - i, the threshold itself counted, as in TempBalance's
    `net_esd_estimator`. No eigenvalue is left out, and what the other fits cut off counts as 0.
    """
    start = len(eigenvalues) // 2
    if len(eigenvalues) < SMALLEST or eigenvalues[start] <= RELATIVE_CUT * eigenvalues[-1]:
        return None
    rise = np.log(eigenvalues[start:]) - math.log(eigenvalues[start])
    return 1.0 + len(rise) / math.fsum(rise) if rise[-1] > flat else None
