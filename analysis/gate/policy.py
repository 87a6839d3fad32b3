"""A policy: rules over what a report says of a model's layers, as frozen values. `analysis.gate.reading` makes one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from analysis.diagnostic import Scalar, Scope, groups
from analysis.diagnostics import diagnostic, requests
from analysis.findings.wording import join_words
from analysis.gate.metrics import Metric

VERSION = 1
AGGREGATES = ("all", "any", "mean", "median", "p95", "min", "max", "count")
PER_LAYER = ("all", "any")
WHICH = ("tuned", "base", "last", "every")  # beside a checkpoint's place in the run, or its name


class Severity(StrEnum):
    ERROR = "error"
    WARN = "warn"


class Missing(StrEnum):
    """What a rule says where there is not enough to judge by."""

    PASS = "pass"  # noqa: S105 - judged by what is there; where nothing is, it passes
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


class Better(StrEnum):
    """Which way a number gets better; the other way it regresses."""

    LOWER = "lower"
    HIGHER = "higher"
    INSIDE = "inside"  # nearer to the healthy range that its column declares
    SAME = "same"  # any change is a regression


@dataclass(frozen=True, slots=True)
class Layers:
    """Which weights a rule is about: all that every given condition holds for."""

    names: tuple[str, ...] = ()  # globs over the weight's name
    without: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    depth: tuple[int, int] | None = None  # blocks, ends included

    def match(self, name: str, role: str, depth: int | None) -> bool:
        return (
            (not self.names or any(fnmatchcase(name, glob) for glob in self.names))
            and not any(fnmatchcase(name, glob) for glob in self.without)
            and (not self.roles or role in self.roles)
            and (self.depth is None or (depth is not None and self.depth[0] <= depth <= self.depth[1]))
        )

    def to_json(self) -> dict[str, Any]:
        said = {"name": self.names, "except": self.without, "role": self.roles, "depth": self.depth or ()}
        return {key: list(value) for key, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a value should lie. Each end that is None is open."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    equals: Scalar = None

    def holds(self, value: Scalar) -> bool:
        if self.equals is not None:
            return value == self.equals and isinstance(value, bool) is isinstance(self.equals, bool)
        return isinstance(value, int | float) and self.outside(float(value)) == 0.0 and self._strict(float(value))

    def _strict(self, value: float) -> bool:
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)

    def outside(self, value: float) -> float:
        """How far outside a number lies; 0 within, and on an end."""
        lows = [end for end in (self.minimum, self.above) if end is not None]
        highs = [end for end in (self.maximum, self.below) if end is not None]
        return max([0.0, *(end - value for end in lows), *(value - end for end in highs)])

    def words(self) -> str:
        """As a sentence says it.

        >>> Bound(minimum=2, maximum=6).words(), Bound(below=0.5).words()
        ('from 2 to 6', 'below 0.5')
        """
        if self.equals is not None:
            return f"“{self.equals}”" if isinstance(self.equals, str) else str(self.equals).lower()
        if self.minimum is not None and self.maximum is not None:
            same = self.minimum == self.maximum
            return f"{self.minimum:.12g}" if same else f"from {self.minimum:.12g} to {self.maximum:.12g}"
        ends = {"at least": self.minimum, "at most": self.maximum, "above": self.above, "below": self.below}
        return join_words([f"{word} {end:.12g}" for word, end in ends.items() if end is not None])

    def to_json(self) -> dict[str, Scalar]:
        said: dict[str, Scalar] = {
            "min": self.minimum, "max": self.maximum, "above": self.above, "below": self.below, "equals": self.equals,
        }  # fmt: skip
        return {key: value for key, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Regression:
    """How much worse than the baseline's a number may be: in its own unit, or as a share of the baseline's."""

    limit: float
    relative: bool
    better: Better
    healthy: tuple[float, float] = (-math.inf, math.inf)

    def worse(self, value: float, baseline: float) -> float:
        """By how much the value is worse, in its own unit; negative where it is better."""
        match self.better:
            case Better.LOWER:
                return value - baseline
            case Better.HIGHER:
                return baseline - value
            case Better.SAME:
                return abs(value - baseline)
            case Better.INSIDE:
                return self._distance(value) - self._distance(baseline)

    def _distance(self, value: float) -> float:
        return max(0.0, self.healthy[0] - value, value - self.healthy[1])

    def beyond(self, value: float, baseline: float) -> float:
        """By how much it is worse than allowed; 0 or less where it is not."""
        return self.worse(value, baseline) - self.limit * (abs(baseline) if self.relative else 1.0)

    def words(self) -> str:
        return f"{100 * self.limit:.6g} %" if self.relative else f"{self.limit:.6g}"

    def to_json(self) -> dict[str, Scalar]:
        limit = f"{100 * self.limit:.12g}%" if self.relative else self.limit
        return {"max_regression": limit, "better": str(self.better)}


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence that should be true of a report."""

    name: str
    metric: Metric
    bound: Bound | None = None  # exactly one of `bound` and `regression` is there
    regression: Regression | None = None
    layers: Layers = Layers()
    checkpoint: int | str | None = None  # one of WHICH, a place, or a name; None: all but the base of a comparison
    aggregate: str = "all"
    where: Bound | None = None  # of `count`: what is counted
    severity: Severity = Severity.ERROR
    missing: Missing = Missing.INSUFFICIENT
    rows: int = 1  # the fewest layers to judge by
    coverage: float | None = None  # the least share of the rule's layers with a value
    drop_weak: bool = False  # whether a fit that its diagnostic flags as weak is no value

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "name": self.name,
            "column" if self.metric.column else "summary": self.metric.key,
            "layers": self.layers.to_json(),
            "checkpoint": self.checkpoint,
            "aggregate": self.aggregate if self.metric.column else None,
            "where": self.where and self.where.to_json(),
            **(self.bound.to_json() if self.bound else {}),
            **(self.regression.to_json() if self.regression else {}),
            "severity": str(self.severity),
            "missing": str(self.missing),
            "rows": self.rows if self.rows > 1 else None,
            "coverage": self.coverage,
            "weak": "drop" if self.drop_weak else None,
        }
        return {key: value for key, value in said.items() if value not in (None, {})}


@dataclass(frozen=True)
class Policy:
    """Rules, and what must be measured to judge by them."""

    rules: tuple[Rule, ...]
    measure: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)  # diagnostic -> every option's value
    insufficient: Missing = Missing.FAIL  # whether the gate holds where there is not enough to judge by

    @property
    def needs_base(self) -> bool:
        """Whether a rule asks what a training did to its base."""
        return any(diagnostic(name).scope is not Scope.ONE for name in self.measure)

    @property
    def needs_baseline(self) -> bool:
        return any(rule.regression is not None for rule in self.rules)

    def diagnostics(self, checkpoints: int) -> dict[str, dict[str, Scalar]]:
        """What a run over so many checkpoints is asked for: what the rules need of what it can measure."""
        can = {name: dict(asked) for name, asked in self.measure.items() if groups(diagnostic(name).scope, checkpoints)}
        return can or {each.diagnostic.name: dict(each.options) for each in requests(None, checkpoints)}

    def to_json(self) -> dict[str, Any]:
        """The policy with nothing left to defaults: read again it is the same."""
        return {
            "version": VERSION,
            "measure": {name: dict(options) for name, options in self.measure.items()},
            "insufficient": str(self.insufficient),
            "rules": [rule.to_json() for rule in self.rules],
        }


def names_of(rules: Sequence[Rule]) -> list[str]:
    """The diagnostics that these rules are about, in their order."""
    return list(dict.fromkeys(rule.metric.diagnostic for rule in rules if rule.metric.diagnostic != "coverage"))
