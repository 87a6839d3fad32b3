"""Where a value should lie, and how much worse than a baseline it may be: as values that compute."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from analysis.diagnostic import Scalar
from analysis.findings.wording import join_words
from analysis.gate.fields import Constant, Model, Number, Span, refuse
from analysis.gate.metrics import Metric

ENDS = {"min": "minimum", "max": "maximum", "above": "above", "below": "below", "equals": "equals"}
BOUNDS = (*ENDS, "between")
ALONE = ("between", "equals")


class Ends(Model):
    """The keys of a bound. `between` becomes `min` and `max`."""

    minimum: Number | None = Field(None, alias="min", description="The least.")
    maximum: Number | None = Field(None, alias="max", description="The most.")
    above: Number | None = Field(None, description="More than this.")
    below: Number | None = Field(None, description="Less than this.")
    between: Span | None = Field(None, description="The smallest and the largest allowed value.")
    equals: Constant | None = Field(None, description="Of a text or a flag.")

    @property
    def given(self) -> list[str]:
        """The keys that state an end."""
        return [key for key in BOUNDS if getattr(self, ENDS.get(key, key)) is not None]

    def ends(self) -> dict[str, Any]:
        """The ends by their keys, `between` as two."""
        if self.between is not None:
            return {"min": self.between[0], "max": self.between[1]}
        return {key: getattr(self, ENDS[key]) for key in self.given}


class Bound(Ends):
    """Where a value should lie. Each end that is None is open."""

    def holds(self, value: Scalar) -> bool:
        if self.equals is not None:
            return bool(value == self.equals) and isinstance(value, bool) is isinstance(self.equals, bool)
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

        >>> Bound(min=2, max=6).words(), Bound(below=0.5).words()
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
        return self.ends()


def check_ends(ends: Ends, metric: Metric | None, *path: str) -> None:
    """Raises where the ends contradict each other or what they bound: a metric's value, or a count (None)."""
    keys = ends.given
    if not keys:
        return None
    if any(key in keys for key in ALONE) and len(keys) > 1:
        raise refuse(f"{' and '.join(keys)} do not go together: write one of them", *path, keys[0])
    if "equals" in keys:
        return _check_equals(ends.equals, metric, *path)
    if metric is not None and not metric.numeric:
        raise refuse(f"{metric.key} is not a number: write equals", *path, keys[0])
    lows = [end for end in (ends.minimum, ends.above) if end is not None]
    highs = [end for end in (ends.maximum, ends.below) if end is not None]
    if lows and highs and max(lows) > min(highs):
        raise refuse(f"no value satisfies {' and '.join(keys)}: write the smaller number below", *path, keys[0])
    return None


def _check_equals(value: object, metric: Metric | None, *path: str) -> None:
    kind = "number" if metric is None or metric.column is None else metric.column.kind
    match kind:
        case "flag" if isinstance(value, bool):
            return
        case "text" if isinstance(value, str):
            return
        case "number" | "integer" if isinstance(value, int | float) and not isinstance(value, bool):
            return
    raise refuse({"flag": "write true or false", "text": "write a text"}.get(kind, "write a number"), *path, "equals")


class Better(StrEnum):
    """Which way a number gets better; the other way it regresses."""

    LOWER = "lower"
    HIGHER = "higher"
    INSIDE = "inside"  # nearer to the usual range that its column declares
    SAME = "same"  # any change is a regression


@dataclass(frozen=True, slots=True)
class Regression:
    """How much worse than the baseline's a number may be: in its own unit, or as a share of the baseline's."""

    limit: float
    relative: bool
    better: Better
    usual: tuple[float, float] = (-math.inf, math.inf)

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
        return max(0.0, self.usual[0] - value, value - self.usual[1])

    def beyond(self, value: float, baseline: float) -> float:
        """By how much it is worse than allowed; 0 or less where it is not."""
        return self.worse(value, baseline) - self.limit * (abs(baseline) if self.relative else 1.0)

    def words(self) -> str:
        return f"{100 * self.limit:.6g} %" if self.relative else f"{self.limit:.6g}"

    def to_json(self) -> dict[str, Scalar]:
        limit = f"{100 * self.limit:.12g}%" if self.relative else self.limit
        return {"max_regression": limit, "better": str(self.better)}
