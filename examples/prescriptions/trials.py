"""What an experiment measures: scores of several arms at equal budget, over seeds, and the difference of two of them.

A score is lower for the better arm. The interval is Student's for the mean of the paired differences of the seeds: with
three of them t = 4.30, so that only what comes out nearly alike in all three has an interval without 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting on one model of one seed: the score of each arm, and whether the rule itself has a doubt there."""

    setting: str
    scores: Mapping[str, float]
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Of a difference "rule minus other" of scores."""
        return "better" if self.high < 0.0 else "worse" if self.low > 0.0 else "no clear difference"


def interval(values: Sequence[float]) -> Interval:
    """Student's interval of the mean of two values or more."""
    half = float(t.ppf((1.0 + LEVEL) / 2.0, len(values) - 1)) * stdev(values) / sqrt(len(values))
    return Interval(fmean(values), fmean(values) - half, fmean(values) + half)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One setting of one model over its seeds: each arm's scores in the order of the seeds."""

    model: str
    setting: str
    unit: str
    scores: Mapping[str, tuple[float, ...]]
    doubted: int  # seeds in which the rule itself said that the evidence does not carry a choice

    def difference(self, rule: str, other: str) -> Interval:
        """The rule's score minus the other's, paired by seed: below 0 the rule is better."""
        pairs = zip(self.scores[rule], self.scores[other], strict=True)
        return interval([one - two for one, two in pairs])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def outcomes(model: str, unit: str, seeds: Sequence[Sequence[Trial]]) -> list[Outcome]:
    """The trials of all seeds, which have the same settings and arms, by setting."""
    return [
        Outcome(
            model,
            same[0].setting,
            unit,
            {arm: tuple(trial.scores[arm] for trial in same) for arm in same[0].scores},
            sum(trial.doubted for trial in same),
        )
        for same in zip(*seeds, strict=True)
    ]


def outcome_of(told: Mapping[str, Any]) -> Outcome:
    """As `to_json` wrote it."""
    return Outcome(**{**told, "scores": {arm: tuple(scores) for arm, scores in told["scores"].items()}})
