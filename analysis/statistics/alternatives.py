"""Other laws for the tail of a spectrum, and whether the data prefer them to a power law.

Each law is fitted to the eigenvalues from xmin on by maximum likelihood, and compared by the ratio of likelihoods
(Clauset, Shalizi and Newman, SIAM Review 51, 2009, section 5 and appendix C).

In t = ln(λ / xmin) ≥ 0 the power law is e^(-(α - 1) t). The power law with an exponential cut-off and the log-normal
law bend it down: both are e^(a t - b s(t)) with s = e^t - 1 and s = t², b > 0. That is an exponential family, whose
likelihood has one peak, found by Newton's method; where it wants b < 0 the data bend up, and no bend is best.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.runtime.shapes import Float64
from analysis.statistics import power_law

Values = Float64[np.ndarray, " n"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(128)  # for the integrals, 1e-10 of them over 40 e-folds
FALLEN = 40.0  # e-folds after which an integrand is over
ROUNDS, HALVINGS = 200, 40
GAIN = 1e-14  # of the mean log-likelihood: less is rounding
STRAIGHT = 1e-9  # a bend of less over the whole tail is none
LAWS = ("truncated", "exponential", "lognormal")


@dataclass(frozen=True, slots=True)
class LawComparison:
    """How a power law fares against another law: R above 0 speaks for the power law, below 0 for the other."""

    R: float  # log-likelihood ratio over √n times its standard deviation
    p: float  # how often chance would give a ratio as far from 0; above 0.1 the data do not decide
    ratio: float  # the log-likelihood ratio itself
    first: float  # α of the truncated law, rate of the exponential, mean of ln λ of the log-normal
    second: float | None = None  # rate of the cut-off; standard deviation of ln λ; None where there is no bend


def compare(tail: Values, law: str) -> LawComparison:
    """A power law against one of LAWS on ascending eigenvalues, the first of which is xmin, not all equal."""
    xmin = float(tail[0])
    x = tail / xmin
    t = np.log(x)
    mean = float(t.mean())
    plain = -math.log(mean) - t / mean  # log-density of t under e^(-t / mean) / mean, of α = 1 + 1 / mean
    rate = 1.0 / float(x.mean() - 1.0)
    falling = math.log(rate) - rate * (x - 1.0) + t
    if law == "exponential":
        return _compare(plain, falling, vuong, rate / xmin)
    if law == "lognormal":
        a, b, logs = fit_bend(t, np.square, _normal_reach)
        centre, width = (a / (2.0 * b), 1.0 / math.sqrt(2.0 * b)) if b else (0.0, None)
        return _compare(plain, logs, vuong, math.log(xmin) + centre, width)
    a, b, logs = fit_bend(t, np.expm1, _cutoff_reach)
    if a > 1.0:  # α < 0 rises before it falls and is no power law: α = 0 is the nearest, an exponential
        return _compare(plain, falling, nested_test, 0.0, rate / xmin)
    return _compare(plain, logs, nested_test, 1.0 - a, b / xmin if b else None)


def _compare(one: Values, other: Values, test: "Test", first: float, second: float | None = None) -> LawComparison:
    R, p = test(one, other)
    return LawComparison(R, p, math.fsum(one - other), first, second)


Test = Callable[[Values, Values], tuple[float, float]]
Bend = Callable[[Values], Values]
Reach = Callable[[float, float], float]


def _normal_reach(a: float, b: float) -> float:
    """Where a t - b t² is FALLEN below its largest value on t ≥ 0."""
    top = max(0.0, a / (2.0 * b))
    depth = FALLEN + a * top - b * top * top
    return (
        (a + math.sqrt(a * a + 4.0 * b * depth)) / (2.0 * b)
        if a > 0.0
        else 2.0 * depth / (math.sqrt(a * a + 4.0 * b * depth) - a)
    )


def _cutoff_reach(a: float, b: float) -> float:
    """Where a t - b (e^t - 1) has surely FALLEN below its largest value on t ≥ 0."""
    end = math.log1p(FALLEN / b)
    if a < 0.0:
        return min(end, -FALLEN / a)
    return math.log1p((FALLEN + 2.0 * a * end) / b)


@dataclass(frozen=True, slots=True)
class Moments:
    """The normalising integral of e^(a t - b s(t)) over t ≥ 0 and the moments of (t, s) under it.

    The integral counts as infinite where its peak is so narrow that it falls between the nodes.
    """

    log_total: float
    mean: Float64[np.ndarray, "2"]
    covariance: Float64[np.ndarray, "2 2"]


def moments(a: float, b: float, bend: Bend, reach: Reach) -> Moments:
    end = reach(a, b)
    t = (NODES + 1.0) * end / 2.0
    points = np.stack([t, bend(t)])  # (2, nodes)
    exponents = a * points[0] - b * points[1]
    top = float(exponents.max())
    shares = WEIGHTS * np.exp(exponents - top)
    total = float(shares.sum())
    shares = shares / total
    mean = points @ shares
    deviations = points - mean[:, None]
    covariance = (deviations * shares) @ deviations.T
    is_resolved = math.sqrt(covariance[0, 0]) * len(NODES) > end
    return Moments(top + math.log(total * end / 2.0) if is_resolved else math.inf, mean, covariance)


def fit_bend(t: Values, bend: Bend, reach: Reach) -> tuple[float, float, Values]:
    """(a, b) of greatest likelihood with the log-density of each t; b = 0 where no bend down is better than one."""
    means = np.array([t.mean(), bend(t).mean()])

    def likelihood(at: Float64[np.ndarray, "2"]) -> tuple[float, Moments]:
        estimate = moments(float(at[0]), -float(at[1]), bend, reach)
        return float(at @ means) - estimate.log_total, estimate

    at = np.array([-1.0 / means[0], -1.0 / means[1]])  # (a, -b): the power law, bent
    value, estimate = likelihood(at)
    for _ in range(ROUNDS):
        step = _step(at, means - estimate.mean, estimate.covariance)
        for _ in range(HALVINGS):
            higher, new_estimate = likelihood(at + step)
            if higher >= value:
                break
            step = step / 2.0
        gain = higher - value
        if not gain > GAIN:
            break
        at, value, estimate = at + step, higher, new_estimate
    if -at[1] * means[1] < STRAIGHT:
        return -1.0 / float(means[0]), 0.0, -math.log(means[0]) - t / means[0]
    return float(at[0]), -float(at[1]), at[0] * t + at[1] * bend(t) - estimate.log_total


def _step(
    at: Float64[np.ndarray, "2"], slope: Float64[np.ndarray, "2"], covariance: Float64[np.ndarray, "2 2"]
) -> Float64[np.ndarray, "2"]:
    """Newton's step; where it would cross b = 0, nine tenths of the way there, and the best a for that."""
    flat = covariance + 1e-13 * np.diag(covariance.diagonal())
    step: Float64[np.ndarray, "2"] = np.linalg.solve(flat, slope)
    if at[1] + step[1] > 0.1 * at[1]:
        bend = -0.9 * at[1]
        step = np.array([(slope[0] - covariance[0, 1] * bend) / covariance[0, 0], bend])
    return step


def vuong(one: Values, other: Values) -> tuple[float, float]:
    """(R, p) of two laws, neither within the other (Clauset et al., equations C.3 to C.6)."""
    gaps = one - other
    width = float(gaps.std())
    ratio = float(gaps.sum())
    if width == 0.0:
        return 0.0, 1.0
    R = ratio / (width * math.sqrt(len(gaps)))
    return R, math.erfc(abs(R) / math.sqrt(2.0))


def nested_test(one: Values, other: Values) -> tuple[float, float]:
    """(R, p) where the first law is the second with one parameter less: 2 |R| is χ² with one degree (C.7).

    R is standardised as in `vuong`; p belongs to the plain ratio.
    """
    ratio = min(0.0, float((one - other).sum()))
    return vuong(one, other)[0] if ratio < 0.0 else 0.0, math.erfc(math.sqrt(-ratio))


def bootstrap(
    eigenvalues: Values, count: int, seed: int, level: float = 0.95, flat: float = power_law.FLAT
) -> tuple[float, float] | None:
    """Bounds of α by resampling ascending, positive eigenvalues and fitting each sample, start of the tail and all.

    Eigenvalues repel each other and vary less than independent draws: the interval is on the wide side.
    """
    generator = np.random.default_rng(seed)
    size = len(eigenvalues)
    fits = (power_law.fit(np.sort(eigenvalues[generator.integers(0, size, size)]), flat) for _ in range(count))
    alphas = [law.alpha for law in fits if law is not None]
    if len(alphas) < count // 2 + 1:
        return None
    low, high = np.quantile(alphas, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)
