"""A rule: one sentence that should be true of a report, as a frozen model. Its keys are those of a policy file."""

import math
import re
from collections.abc import Callable
from enum import StrEnum
from fnmatch import translate
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, WrapValidator, field_validator, model_validator

from analysis.gate.bounds import BOUNDS, Better, Bound, Ends, Regression, check_ends
from analysis.gate.conditions import bound_conditions, rule_conditions
from analysis.gate.fields import (
    LARGEST_DEPTH,
    ONE_NAME,
    Blocks,
    Limit,
    Model,
    Name,
    Roles,
    Rows,
    Share,
    Texts,
    closest,
    fault,
    hint,
    propose,
    refuse,
)  # fmt: skip
from analysis.gate.metrics import RENAMED, WEAK, Metric, columns, summaries, weak_flagged

AGGREGATES = ("all", "any", "mean", "median", "p95", "min", "max", "count", "share")
PER_LAYER = ("all", "any")
COUNTING = ("count", "share")
WHICH = ("tuned", "base", "last", "every")  # besides a checkpoint's place in the run, or its name
Aggregate = Literal["all", "any", "mean", "median", "p95", "min", "max", "count", "share"]
ONE_PLACE = Annotated[int, Field(strict=True, ge=0, lt=LARGEST_DEPTH)]


class RuleSeverity(StrEnum):
    ERROR = "error"
    WARN = "warn"


class Missing(StrEnum):
    """What a rule says where there is not enough to judge by."""

    PASS = "pass"  # noqa: S105 - judged by what is there; where nothing is, it passes
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


def one_of(words: tuple[str, ...] | type[StrEnum]) -> Any:
    def check(value: Any, validate: Callable[[Any], Any]) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise refuse(propose(closest(value, map(str, words)), f"write one of {', '.join(words)}")) from None

    return WrapValidator(check)


IfMissing = Annotated[Missing, one_of(Missing)]


class Layers(Model):
    """Which weights a rule is about: all that every given condition holds for."""

    names: Texts = Field((), alias="name", description="Globs over the weight's name.")
    without: Texts = Field((), alias="except", description="Globs of what is left out.")
    roles: Roles = Field((), alias="role")
    depth: Blocks | None = Field(None, description="A block, or the first and the last.")

    @property
    def globs(self) -> int:
        """How many globs each name is held against."""
        return len(self.names) + len(self.without)

    @cached_property
    def _wanted(self) -> re.Pattern[str]:
        return _union(self.names)

    @cached_property
    def _unwanted(self) -> re.Pattern[str]:
        return _union(self.without)

    def match(self, name: str, role: str, depth: int | None) -> bool:
        return (
            (not self.names or self._wanted.match(name) is not None)
            and not (self.without and self._unwanted.match(name))
            and (not self.roles or role in self.roles)
            and (self.depth is None or (depth is not None and self.depth[0] <= depth <= self.depth[1]))
        )

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in self.model_dump(mode="json", by_alias=True).items() if value}


def _union(globs: tuple[str, ...]) -> re.Pattern[str]:
    """All globs as one pattern, compiled once; a star of `fnmatch` never looks back beyond the one before it."""
    return re.compile("|".join(f"(?:{translate(glob)})" for glob in globs))


class Where(Bound):
    """What `aggregate: count` and `aggregate: share` count."""

    model_config = ConfigDict(json_schema_extra=bound_conditions)

    @model_validator(mode="after")
    def _refuse_empty(self) -> "Where":
        if not self.given:
            raise fault(": it is empty; write for example where: {min: 1}")
        return self


class Rule(Ends):
    """One sentence that should be true of a report."""

    model_config = ConfigDict(json_schema_extra=rule_conditions)

    name: Name = Field("", description="What reports call it; no two the same.")
    column: str | None = Field(None, description="A value of each layer.", json_schema_extra={"enum": list(columns())})
    summary: str | None = Field(
        None, description="A number of the whole model.", json_schema_extra={"enum": list(summaries())}
    )
    layers: Layers = Field(default_factory=Layers)
    checkpoint: (
        Annotated[
            ONE_PLACE | ONE_NAME,
            hint(f"write {', '.join(WHICH)}, a checkpoint's place in the run from 0 on, or its name"),
        ]
        | None
    ) = Field(
        None,
        description=f"Of a comparison: {', '.join(WHICH)}, a place in the run, or a name. Left out: all but the base.",
    )
    aggregate: Annotated[Aggregate, one_of(AGGREGATES)] = "all"
    where: Where | None = Field(None, description="What aggregate: count or share counts.")
    max_regression: Limit | None = Field(
        None, description="How much worse than the baseline's: in the column's unit, or a share of it."
    )
    better: Annotated[Better, one_of(Better)] | None = Field(
        None, description="Which way is better; of a column with a usual range, inside is the default."
    )
    severity: Annotated[RuleSeverity, one_of(RuleSeverity)] = Field(
        RuleSeverity.ERROR, description="Whether breaking it closes the gate."
    )
    missing: IfMissing = Field(
        Missing.INSUFFICIENT, description="What a rule says where there is not enough to judge by."
    )
    no_baseline: IfMissing | None = Field(
        None, description="What a rule with max_regression says while there is no baseline; else what missing says."
    )
    rows: Rows = Field(1, description="The fewest layers to judge by.")
    coverage: Share | None = Field(None, description="The least share with a value.")
    weak: Annotated[Literal["keep", "drop"], one_of(("keep", "drop"))] = Field(
        "keep", description="Whether weak fits count."
    )

    @classmethod
    def keys(cls) -> list[str]:
        """As a message lists them: those of a bound come last."""
        return sorted(super().keys(), key=BOUNDS.__contains__)

    @field_validator("column", "summary", mode="before")
    @classmethod
    def _exists(cls, name: object, info: Any) -> object:
        metrics = columns() if info.field_name == "column" else summaries()
        name = RENAMED.get(name, name) if isinstance(name, str) else name
        if isinstance(name, str) and name in metrics:
            return name
        owner, _, _ = name.partition(".") if isinstance(name, str) else ("", "", "")
        others, kind = (summaries(), "summary") if info.field_name == "column" else (columns(), "column")
        if isinstance(name, str) and name in others:
            raise refuse(f"write {kind}: {name} instead of {info.field_name}: {name}")
        options = [key for key in metrics if key.startswith(f"{owner}.")]
        choices = ", ".join(options) or ", ".join(dict.fromkeys(key.partition(".")[0] + ".…" for key in metrics))
        raise refuse(propose(closest(name, options or metrics), f"there are: {choices}"))

    @model_validator(mode="after")
    def _consistent(self) -> "Rule":
        """Raises where keys contradict each other; else the rule with one way to state each thing."""
        if (self.column is None) == (self.summary is None):
            raise fault(": say what it is about, with either column: esd.alpha or summary: esd.usual")
        _check_subject(self)
        check_ends(self, None if self.counts else self.metric)
        _check_where(self)
        _check_regression(self)
        condition = self.where and self.where.model_copy(update=_plain_ends(self.where))
        return self.model_copy(update={**_plain_ends(self), "where": condition, "better": _better_side(self)})

    @cached_property
    def metric(self) -> Metric:
        return columns()[self.column] if self.column is not None else summaries()[self.summary or ""]

    @property
    def counts(self) -> bool:
        return self.aggregate in COUNTING

    @cached_property
    def bound(self) -> Bound | None:
        """Exactly one of `bound` and `regression` is there."""
        return Bound(**self.ends()) if self.given else None

    @cached_property
    def regression(self) -> Regression | None:
        if self.max_regression is None or self.better is None:
            return None
        relative = isinstance(self.max_regression, str)
        limit = float(str(self.max_regression).rstrip("%")) / (100.0 if relative else 1.0)
        return Regression(limit, relative, self.better, _usual(self) or (-math.inf, math.inf))

    @property
    def drop_weak(self) -> bool:
        """Whether a fit that its diagnostic flags as weak is no value."""
        return self.weak == "drop"

    def to_json(self) -> dict[str, Any]:
        """The rule with nothing left to defaults but what says nothing."""
        fields = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        fields |= {"layers": self.layers.to_json(), **({"where": self.where.to_json()} if self.where else {})}
        silent = {"layers": {}, "rows": 1, "weak": "keep", **({"aggregate": "all"} if self.summary else {})}
        return {key: value for key, value in fields.items() if key not in silent or silent[key] != value}


def _plain_ends(ends: Ends) -> dict[str, Any]:
    """`between` as minimum and maximum."""
    if ends.between is None:
        return {}
    return {"minimum": ends.between[0], "maximum": ends.between[1], "between": None}


def _check_subject(rule: Rule) -> None:
    """What its column or summary allows of aggregate, layers and weak."""
    metric = rule.metric
    if metric.column is None and rule.aggregate != "all":
        raise refuse("a number of a summary is one number already: leave it out", "aggregate")
    if metric.column is None and "layers" in rule.model_fields_set:
        raise refuse("a number of a summary is of all layers: leave it out, or ask for a column", "layers")
    if not metric.numeric and rule.aggregate not in (*PER_LAYER, *COUNTING):
        raise refuse(f"{metric.key} is not a number: write all, any, count or share", "aggregate")
    if rule.drop_weak and (metric.column is None or not weak_flagged(metric.diagnostic)):
        raise refuse(f"{metric.diagnostic} has no column {WEAK} for each layer; leave it out", "weak")


def _check_where(rule: Rule) -> None:
    if not rule.counts:
        if rule.where is not None:
            raise refuse("it says what aggregate: count or share counts; write one of them, or leave it out", "where")
        return
    if rule.where is None:
        raise fault(", where: say what is counted, for example where: {min: 1}")
    check_ends(rule.where, rule.metric, "where")
    if rule.aggregate == "share":
        _check_share(rule)


def _check_share(rule: Rule) -> None:
    """A share lies between 0 and 1: `min: 80` would hold for none."""
    for key, end in rule.ends().items():
        if not 0.0 <= end <= 1.0:
            field = key if rule.between is None else "between"
            raise refuse("a share lies from 0 to 1: 80 % is 0.8", field)


def _check_regression(rule: Rule) -> None:
    if (rule.max_regression is not None) == bool(rule.given):
        wants = f"either a bound ({', '.join(BOUNDS)}) or max_regression"
        raise fault(f": say what should hold, with {wants}")
    if rule.max_regression is None:
        if rule.better is not None:
            raise refuse("it belongs to max_regression: leave it out", "better")
        if rule.no_baseline is not None:
            raise refuse("it belongs to max_regression: leave it out", "no_baseline")
        return
    key, usual = rule.metric.key, _usual(rule)
    if not rule.metric.numeric and not rule.counts:
        raise refuse(f"{key} is not a number", "max_regression")
    if rule.better is None and usual is None:
        raise fault(f", better: which way {key} gets better is not declared; write one of lower, higher, same")
    if rule.better is Better.INSIDE and usual is None:
        raise refuse(f"{key} declares no usual range; write one of lower, higher, same", "better")


def _better_side(rule: Rule) -> Better | None:
    return rule.better or (Better.INSIDE if rule.max_regression is not None else None)


def _usual(rule: Rule) -> tuple[float, float] | None:
    return None if rule.counts else rule.metric.usual
