"""How the largest singular value scales with width: the law, the fits of it, and the check of each pair of models.

The law (Fan, Liu, Zhao, Yuan and Gu, arXiv 2510.15262): in the steady state of AdamW the largest singular value of a
matrix-like weight is σ₁ ∝ √(η/λ) · d^0.75, with η the learning rate, λ the decoupled weight decay and d the width.
Nothing here knows of checkpoints: settings and an array of σ₁ come in, exponents and intervals go out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.outcome import Outcome
from analysis.runtime.shapes import Float64, Int64

WIDTH_EXPONENT = 0.75  # of d: empirical (the paper's abstract)
RATIO_EXPONENT = 0.5  # of η/λ
PASS, WARN = 0.15, 0.35  # |ln(measured / predicted)|: ours; how often right: benchmarks/truth/bounds/widths.py
STEADY = 2.0  # steps · η · λ from which the decay has forgotten the start: e^-2 of it is left, ours
WIDE = (0.5, 1.0)  # an interval over both says nothing of 0.75: over four times the width either is 1.41, WARN, away
WIDTHS = 3  # fewest different widths that make an exponent
COLLINEAR = 10.0  # variance inflation from which two exponents are not told apart (Kutner et al., chapter 10)
ROUNDING = 1e-4  # of an exponent, from σ₁ of weights in float32
RESAMPLED = 2000  # bootstrap samples
LEVEL = 0.95  # of every interval

Sizes = Float64[np.ndarray, "layers members"]
Series = Float64[np.ndarray, " members"]
Places = Int64[np.ndarray, " layers"]


@dataclass(frozen=True, slots=True)
class Setting:
    """How one model of a family was trained. None where it is not known."""

    width: float
    learning_rate: float | None = None  # peak, of the matrices
    weight_decay: float | None = None  # decoupled, as PyTorch's AdamW has it: w ← w - η λ w
    step: float | None = None
    mean_learning_rate: float | None = None  # over the steps

    @property
    def ratio(self) -> float | None:
        """η/λ; None where one is not known or λ is 0, where the law says nothing."""
        if not self.learning_rate or not self.weight_decay:
            return None
        return self.learning_rate / self.weight_decay

    @property
    def steps_eta_lambda(self) -> float | None:
        """Steps · η · λ, with the mean η where that is known: 2 and more is the steady state."""
        rate = self.mean_learning_rate if self.mean_learning_rate is not None else self.learning_rate
        if self.step is None or rate is None or self.weight_decay is None:
            return None
        return self.step * rate * self.weight_decay


@dataclass(frozen=True, slots=True)
class Estimate:
    """An exponent. `low` to `high` is the bootstrap over layers, which by itself does not cover: see `widest`.

    `error` is the standard error from the scatter of the models about the line, `spread` the interval that it makes.
    """

    value: float
    low: float | None = None  # None with one layer, which cannot be resampled
    high: float | None = None
    error: float | None = None  # None with no more models than exponents
    spread: tuple[float, float] | None = None
    free: int = 0  # degrees of freedom of the error

    @property
    def widest(self) -> tuple[float, float] | None:
        """The interval that covers both: what can be said with care."""
        lows = [x for x in (self.low, self.spread and self.spread[0]) if x is not None]
        highs = [x for x in (self.high, self.spread and self.spread[1]) if x is not None]
        return (min(lows), max(highs)) if lows and highs else None

    def agrees(self, value: float) -> bool | None:
        """Whether the value lies in that interval, or as near as rounding; None where there is none."""
        return None if self.widest is None else self.widest[0] - ROUNDING <= value <= self.widest[1] + ROUNDING

    def p_value(self, value: float) -> float | None:
        """Of a two-sided t-test that the exponent is this value; None without an error."""
        if self.error is None or self.free < 1:
            return None
        if self.error == 0.0:
            return float(self.value == value)
        from scipy.special import stdtr  # a program should not wait for it to start

        return 2.0 * float(stdtr(self.free, -abs(self.value - value) / self.error))

    @property
    def is_undecided(self) -> bool:
        """Whether the interval is too wide to say of an exponent of d if it is the law's; false without one."""
        return all(self.agrees(end) for end in WIDE)


@dataclass(frozen=True, slots=True)
class Fit:
    """The exponents of one kind of weight. None where they cannot be had; `why` says the reason."""

    drift: Estimate | None  # of d, in σ₁ itself: 0 where the recipe keeps σ₁
    exponent: Estimate | None  # of d, in σ₁ / √(η/λ): the law's 0.75
    joint: Estimate | None  # of d, where both exponents are fitted
    ratio: Estimate | None  # of η/λ: the law's 0.5
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """σ₁ of one model over that of another, as measured and as the law predicts it."""

    base: int
    target: int
    measured: float
    low: float | None  # bootstrap over layers, of the measured ratio
    high: float | None
    predicted: float | None  # None where η/λ is not known of both

    @property
    def log_ratio(self) -> float | None:
        """ln(measured / predicted): 0 where the law holds."""
        return None if self.predicted is None else math.log(self.measured / self.predicted)

    @property
    def law(self) -> Outcome | None:
        """Whether the law holds: pass, warn or fail."""
        return None if self.log_ratio is None else verdict(self.log_ratio)

    @property
    def transfer(self) -> Outcome:
        """Whether σ₁ stayed the same, which is what lets settings transfer: pass, warn or fail."""
        return verdict(math.log(self.measured))


def verdict(log_ratio: float) -> Outcome:
    """Whether it is within 0.15 (pass), within 0.35 (warn), or beyond (fail).

    >>> str(verdict(-0.2))
    'warn'
    """
    off = abs(log_ratio)
    return Outcome.PASS if off <= PASS else Outcome.WARN if off <= WARN else Outcome.FAIL


def predict(base: Setting, target: Setting) -> float | None:
    """σ₁ of the target over that of the base, by the law; None where η/λ of one is not known."""
    if base.ratio is None or target.ratio is None:
        return None
    return math.sqrt(target.ratio / base.ratio) * math.pow(target.width / base.width, WIDTH_EXPONENT)


def fit(settings: Sequence[Setting], sigma: Sizes, blocks: Places) -> Fit:
    """The exponents of one kind of weight, from σ₁ > 0 of each layer in each model.

    `blocks` says which block each layer lies in: blocks are what is resampled.
    """
    indices = [index for index, setting in enumerate(settings) if setting.ratio is not None]
    widths = np.log([setting.width for setting in settings])
    logs, reasons = np.log(sigma), list[str]()
    drift = slopes([widths], logs, blocks)[0] if several(settings) else None
    exponent = joint = ratio = None
    ratios = np.log([settings[index].ratio or 1.0 for index in indices])
    known_widths, known_logs = widths[indices], logs[:, indices]
    if several([settings[index] for index in indices]):
        (exponent,) = slopes([known_widths], known_logs - RATIO_EXPONENT * ratios, blocks)
    if not distinct(ratios):
        reasons.append("η/λ is the same in all models whose η and λ are known" if indices else "η and λ are not known")
    elif not distinct(known_widths):
        (ratio,) = slopes([ratios], known_logs, blocks) if len(set(ratios.round(9))) >= WIDTHS else (None,)
        reasons.append("all widths are the same")
    elif inflation(known_widths, ratios) > COLLINEAR:
        reasons.append("η/λ and the width change together: their exponents cannot be told apart")
    elif len(indices) <= WIDTHS or not several([settings[index] for index in indices]):
        reasons.append("two exponents need four models or more, of three widths or more")
    else:
        joint, ratio = slopes([known_widths, ratios], known_logs, blocks)
    return Fit(drift, exponent, joint, ratio, tuple(reasons))


def several(settings: Sequence[Setting]) -> bool:
    """Whether there are widths enough for an exponent."""
    return len({setting.width for setting in settings}) >= WIDTHS


def distinct(logs: Series) -> bool:
    """Whether the values differ by more than rounding."""
    return len(logs) > 1 and float(np.ptp(logs)) > 1e-6


def inflation(one: Series, other: Series) -> float:
    """By how much the variance of either exponent grows since the two go together: 1 / (1 - r²), inf where r² is 1."""
    r = float(np.corrcoef(one, other)[0, 1]) if len(one) > 2 else 1.0
    return 1.0 / (1.0 - r * r) if r * r < 1.0 - 1e-12 else math.inf


def slopes(axes: Sequence[Series], logs: Sizes, blocks: Places) -> list[Estimate]:
    """Least squares of the logarithms on these axes and a constant: an estimate for each axis.

    Every layer has the same models, so the slope of the mean is the mean of the layers' slopes, and resampling layers
    resamples those.
    """
    design = np.column_stack([np.ones_like(axes[0]), *axes])  # (members, p)
    from scipy.special import stdtrit

    inverse = np.linalg.pinv(design)  # (p, members)
    by_layer = logs @ inverse.T  # (layers, p)
    mean = logs.mean(axis=0)
    free = len(mean) - design.shape[1]
    scatter = float(np.square(mean - design @ (inverse @ mean)).sum())
    variances = np.diagonal(inverse @ inverse.T)
    estimates = []
    for column in range(1, design.shape[1]):
        value, ends = float(by_layer[:, column].mean()), bootstrap_mean(by_layer[:, column], blocks)
        error = math.sqrt(scatter / free * float(variances[column])) if free > 0 else None
        margin = float(stdtrit(free, 0.5 + LEVEL / 2.0)) * error if error is not None else None
        spread = None if margin is None else (value - margin, value + margin)
        low, high = ends or (None, None)
        estimates.append(Estimate(value, low, high, error, spread, max(free, 0)))
    return estimates


def reject_by_holm(p_values: Sequence[float | None], level: float = 1.0 - LEVEL) -> list[bool]:
    """Which of several tests are rejected so that any false rejection has at most that probability (Holm 1979).

    Tests may hang on each other. One without a p-value is not rejected.

    >>> reject_by_holm([0.01, 0.04, 0.03])
    [True, False, False]
    """
    flags = [False] * len(p_values)
    order = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    for rank, (p, index) in enumerate(order):
        if p * (len(order) - rank) > level:
            break
        flags[index] = True
    return flags


def pair(settings: Sequence[Setting], sigma: Sizes, blocks: Places, base: int, target: int) -> Pair:
    """The geometric mean over layers of σ₁ of one model over that of another, beside the law."""
    logs = np.log(sigma[:, target] / sigma[:, base])
    ends = bootstrap_mean(logs, blocks)
    low, high = (math.exp(ends[0]), math.exp(ends[1])) if ends else (None, None)
    ratio = math.exp(float(logs.mean()))
    return Pair(base, target, ratio, low, high, predict(settings[base], settings[target]))


def bootstrap_mean(values: Float64[np.ndarray, " layers"], blocks: Places) -> tuple[float, float] | None:
    """The interval of the mean by drawing blocks again and again; None with one block.

    Percentiles of a few values are too close together: theirs are widened as the t distribution is against the normal
    one (Hesterberg, The American Statistician 69, 2015, the expanded percentile interval).
    """
    from scipy.special import ndtr, stdtrit

    names, places = np.unique(blocks, return_inverse=True)
    count = len(names)
    if count < 2:
        return None
    sums = np.bincount(places, values, count)
    sizes = np.bincount(places, minlength=count).astype(float)
    draws = _draws(count)
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    t_value = math.sqrt(count / (count - 1)) * float(stdtrit(count - 1, 0.5 - LEVEL / 2.0))
    tail = float(ndtr(t_value))
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


@cache
def _draws(count: int) -> Int64[np.ndarray, "draws blocks"]:
    """The same draws each time: a report read twice says the same."""
    return np.random.default_rng(0).integers(0, count, (RESAMPLED, count))
