"""A policy out of a plain dict. What it does not understand it refuses, naming the rule, the key and the value."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.diagnostic import Scalar
from analysis.diagnostics import DIAGNOSTICS, diagnostic
from analysis.errors import OptionError, PolicyError, escape
from analysis.gate.metrics import WEAK, Metric, columns, summaries, weak_flagged
from analysis.gate.policy import (
    AGGREGATES,
    PER_LAYER,
    VERSION,
    WHICH,
    Better,
    Bound,
    Layers,
    Missing,
    Policy,
    Regression,
    Rule,
    Severity,
    names_of,
)  # fmt: skip
from analysis.names import ROLES

MOST_RULES = 200
MOST_GLOBS = 50
LONGEST = 200  # characters of a name or a glob
LARGEST_DEPTH = 100_000
ENDS = {"min": "minimum", "max": "maximum", "above": "above", "below": "below", "equals": "equals"}
BOUNDS = (*ENDS, "between")
PERCENT = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*%\s*", re.ASCII)
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: UTF-8 has no form of it
POLICY_KEYS = ("version", "measure", "missing", "insufficient", "rules")
RULE_KEYS = (
    "name", "column", "summary", "layers", "checkpoint", "aggregate", "where", *BOUNDS, "max_regression", "better",
    "severity", "missing", "rows", "coverage", "weak",
)  # fmt: skip
LAYER_KEYS = ("name", "except", "role", "depth")


def policy_of(asked: object) -> Policy:
    """The policy that this JSON-like value states. Raises PolicyError."""
    top = Part("the policy", asked, POLICY_KEYS)
    if top.get("version", VERSION) != VERSION or isinstance(top.get("version"), bool):
        raise top.refusal("version", f"write version: {VERSION}")
    missing = Missing(top.one_of("missing", tuple(Missing), Missing.INSUFFICIENT))
    listed = top.get("rules")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_RULES:
        raise top.refusal("rules", f"give a list of 1 to {MOST_RULES} rules")
    rules = tuple(rule_of(each, number, missing) for number, each in enumerate(listed, 1))
    doubled = next((rule.name for n, rule in enumerate(rules) if rule.name in [r.name for r in rules[:n]]), None)
    if doubled is not None:
        raise PolicyError(f"two rules have the name {escape(doubled)!r}: give each a name of its own")
    counts = Missing(top.one_of("insufficient", ("pass", "fail"), "fail"))
    return Policy(rules, measure_of(top, rules), counts)


class Part:
    """A mapping of the policy, and what to call it where it is wrong."""

    def __init__(self, place: str, asked: object, keys: Sequence[str]) -> None:
        self.place = place
        if not isinstance(asked, Mapping):
            raise PolicyError(f"{place}: {_value(asked)} is no mapping; it has keys such as {', '.join(keys[:4])}")
        for key in asked:
            if key not in keys:
                raise PolicyError(f"{place} has no key {_value(key)}; it takes: {', '.join(keys)}")
        self.asked: Mapping[str, Any] = asked

    def __contains__(self, key: str) -> bool:
        return self.asked.get(key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        found = self.asked.get(key)
        return default if found is None else found

    def refusal(self, key: str, do: str) -> PolicyError:
        said = f"{_value(self.asked[key])} is not possible" if key in self.asked else "it is missing"
        return PolicyError(f"{self.place}, {key}: {said}; {do}")

    def one_of(self, key: str, offered: Sequence[str], default: str) -> str:
        value = self.get(key, default)
        if value not in offered or not isinstance(value, str):
            raise self.refusal(key, f"write one of {', '.join(offered)}")
        return str(value)

    def number(self, key: str, low: float = -math.inf, high: float = math.inf) -> float:
        value = self.get(key)
        if not _is_number(value) or not low <= value <= high:
            span = "" if low == -math.inf and high == math.inf else f" from {low:g} to {high:g}"
            raise self.refusal(key, f"write a number{span}")
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int:
        value = self.number(key, float(low), float(high))
        if value != int(value):
            raise self.refusal(key, f"write a whole number from {low} to {high}")
        return int(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, [])
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or len(found) > MOST_GLOBS or not all(_is_short(text) for text in found):
            raise self.refusal(
                key, f"write a text, or a list of at most {MOST_GLOBS}, each of at most {LONGEST} characters"
            )
        return tuple(found)


def _value(value: object) -> str:
    return escape(repr(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300  # nan compares false


def _is_short(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= LONGEST and not SURROGATE.search(text)


def rule_of(asked: object, number: int, missing: Missing) -> Rule:
    named = asked.get("name") if isinstance(asked, Mapping) else None
    place = f"rule {number}" + (f" {escape(named)!r}" if isinstance(named, str) else "")
    part = Part(place, asked, RULE_KEYS)
    metric = metric_of(part)
    aggregate = part.one_of("aggregate", AGGREGATES, "all")
    _check_aggregate(part, metric, aggregate)
    bound = bound_of(part, metric if aggregate != "count" else None)
    return Rule(
        name=name_of(part, metric, number),
        metric=metric,
        bound=bound,
        regression=regression_of(part, metric, aggregate, bound),
        layers=layers_of(part, metric),
        checkpoint=checkpoint_of(part),
        aggregate=aggregate,
        where=read_where(part, metric, aggregate),
        severity=Severity(part.one_of("severity", tuple(Severity), Severity.ERROR)),
        missing=Missing(part.one_of("missing", tuple(Missing), missing)),
        rows=part.whole("rows", 1, 1_000_000) if "rows" in part else 1,
        coverage=part.number("coverage", 0.0, 1.0) if "coverage" in part else None,
        drop_weak=weak_of(part, metric),
    )


def name_of(part: Part, metric: Metric, number: int) -> str:
    name = part.get("name", f"{number}: {metric.key}")
    if not _is_short(name):
        raise part.refusal("name", f"write a text of at most {LONGEST} characters, without lone surrogates")
    return str(name)


def metric_of(part: Part) -> Metric:
    if ("column" in part) == ("summary" in part):
        raise PolicyError(f"{part.place}: say what it is about, with either column: esd.alpha or summary: esd.healthy")
    key, known = ("column", columns()) if "column" in part else ("summary", summaries())
    name = part.get(key)
    if not isinstance(name, str) or name not in known:
        of, _, _ = name.partition(".") if isinstance(name, str) else ("", "", "")
        near = [each for each in known if each.startswith(f"{of}.")]
        offered = ", ".join(near) or ", ".join(dict.fromkeys(each.partition(".")[0] + ".…" for each in known))
        raise part.refusal(key, f"there are: {offered}")
    return known[name]


def _check_aggregate(part: Part, metric: Metric, aggregate: str) -> None:
    if metric.column is None and aggregate != "all":
        raise part.refusal("aggregate", "a number of a summary is one number already: leave it out")
    if not metric.numeric and aggregate not in (*PER_LAYER, "count"):
        raise part.refusal("aggregate", f"{metric.key} is no number: write all, any or count")


def bound_of(part: Part, metric: Metric | None) -> Bound | None:
    """The ends that a rule states; of a count, where `metric` is None, they bound a number."""
    given = [key for key in BOUNDS if key in part]
    if not given:
        return None
    if ("equals" in given or "between" in given) and len(given) > 1:
        raise part.refusal(given[0], f"{' and '.join(given)} do not go together: write one of them")
    if "equals" in given:
        return Bound(equals=equals_of(part, metric))
    if metric is not None and not metric.numeric:
        raise part.refusal(given[0], f"{metric.key} is no number: write equals")
    if "between" in given:
        low, high = span_of(part, "between")
        return Bound(minimum=low, maximum=high)
    ends = {ENDS[key]: part.number(key) for key in given}
    lows = [ends[end] for end in ("minimum", "above") if end in ends]
    highs = [ends[end] for end in ("maximum", "below") if end in ends]
    if lows and highs and max(lows) > min(highs):
        raise part.refusal(given[0], f"no value is {' and '.join(given)} of these: write the smaller number below")
    return Bound(**ends)


def equals_of(part: Part, metric: Metric | None) -> Scalar:
    value: Scalar = part.get("equals")
    kind = "number" if metric is None or metric.column is None else metric.column.kind
    match kind:
        case "flag" if isinstance(value, bool):
            return value
        case "text" if value == "" or _is_short(value):
            return value
        case "number" | "integer" if _is_number(value):
            return value
    raise part.refusal("equals", {"flag": "write true or false", "text": "write a text"}.get(kind, "write a number"))


def span_of(part: Part, key: str) -> tuple[float, float]:
    value = part.get(key)
    if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]:
        return float(value[0]), float(value[1])
    raise part.refusal(key, "write two numbers, the smaller first: [2, 6]")


def regression_of(part: Part, metric: Metric, aggregate: str, bound: Bound | None) -> Regression | None:
    if ("max_regression" in part) == (bound is not None):
        wants = "either a bound (min, max, above, below, between, equals) or max_regression"
        raise PolicyError(f"{part.place}: say what should hold, with {wants}")
    if bound is not None:
        if "better" in part:
            raise part.refusal("better", "it belongs to max_regression: leave it out")
        return None
    if not metric.numeric and aggregate != "count":
        raise part.refusal("max_regression", f"{metric.key} is no number")
    limit, relative = limit_of(part)
    healthy = metric.healthy if aggregate != "count" else None
    default = "inside" if healthy is not None else ""
    if not default and "better" not in part:
        said = f"which way {metric.key} gets better is not declared"
        raise PolicyError(f"{part.place}, better: {said}; write one of lower, higher, same")
    better = Better(part.one_of("better", tuple(Better), default))
    if better is Better.INSIDE and healthy is None:
        raise part.refusal("better", f"{metric.key} declares no healthy range; write one of lower, higher, same")
    return Regression(limit, relative, better, healthy or (-math.inf, math.inf))


def limit_of(part: Part) -> tuple[float, bool]:
    """0.5 in the number's own unit, "10%" of the baseline's."""
    value = part.get("max_regression")
    found = PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found:
        return float(found[1]) / 100.0, True
    if not _is_number(value) or value < 0:
        raise part.refusal("max_regression", 'write a number such as 0.5, or a share of the baseline such as "10%"')
    return float(value), False


def layers_of(part: Part, metric: Metric) -> Layers:
    if "layers" not in part:
        return Layers()
    if metric.column is None:
        raise part.refusal("layers", "a number of a summary is of all layers: leave it out, or ask for a column")
    inner = Part(f"{part.place}, layers", part.get("layers"), LAYER_KEYS)
    roles = inner.texts("role")
    strange = [role for role in roles if role not in ROLES]
    if strange:
        raise inner.refusal("role", f"there are: {', '.join(ROLES)}")
    return Layers(inner.texts("name"), inner.texts("except"), roles, depth_of(inner))


def depth_of(part: Part) -> tuple[int, int] | None:
    value = part.get("depth")
    if value is None:
        return None
    ends = [value, value] if _is_number(value) else value
    if isinstance(ends, list) and len(ends) == 2 and all(map(_is_depth, ends)) and ends[0] <= ends[1]:
        return int(ends[0]), int(ends[1])
    raise part.refusal("depth", "write a block such as 3, or the first and the last such as [0, 5]")


def _is_depth(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_DEPTH


def checkpoint_of(part: Part) -> int | str | None:
    value = part.get("checkpoint")
    if value is None or _is_short(value) or (_is_depth(value) and value < LARGEST_DEPTH):
        return value  # type: ignore[no-any-return]
    raise part.refusal(
        "checkpoint", f"write {', '.join(WHICH)}, a checkpoint's place in the run from 0 on, or its name"
    )


def read_where(part: Part, metric: Metric, aggregate: str) -> Bound | None:
    if aggregate != "count":
        if "where" in part:
            raise part.refusal("where", "it says what aggregate: count counts; write that, or leave it out")
        return None
    if "where" not in part:
        raise PolicyError(f"{part.place}, where: say what is counted, for example where: {{min: 1}}")
    inner = Part(f"{part.place}, where", part.get("where"), BOUNDS)
    bound = bound_of(inner, metric)
    if bound is None:
        raise PolicyError(f"{inner.place}: it is empty; write for example where: {{min: 1}}")
    return bound


def weak_of(part: Part, metric: Metric) -> bool:
    drop = part.one_of("weak", ("keep", "drop"), "keep") == "drop"
    if drop and (metric.column is None or not weak_flagged(metric.diagnostic)):
        raise part.refusal("weak", f"{metric.diagnostic} has no column {WEAK} for each layer; leave it out")
    return drop


def measure_of(top: Part, rules: Sequence[Rule]) -> dict[str, dict[str, Scalar]]:
    """Every diagnostic that is asked for or that a rule is about, with all its options."""
    part = Part("measure", top.get("measure", {}), [each.name for each in DIAGNOSTICS])
    asked: dict[str, Any] = {name: part.get(name, {}) for name in dict.fromkeys([*part.asked, *names_of(rules)])}
    found: dict[str, dict[str, Scalar]] = {}
    for name, options in asked.items():
        if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
            raise part.refusal(name, "write its options, or {}")
        try:
            found[name] = dict(diagnostic(name).settings(options))
        except OptionError as error:
            raise PolicyError(f"measure, {name}: {error}") from error
    return found
