"""Rules that no report can break, and policies whose rules all warn: people are told, since such a gate looks shut."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.gate.bounds import Bound
from analysis.gate.fields import closest
from analysis.gate.metrics import SHARES, Metric
from analysis.gate.rule import Rule, RuleSeverity

if TYPE_CHECKING:
    from analysis.gate.policy import Policy

ALL_WARN = "every rule of the policy only warns, so that nothing but the coverage can close the gate"


def why_constant(rule: Rule) -> str:
    """Why the rule says the same of every model, as a sentence; empty where it does not.

    >>> why_constant(Rule.model_validate({"summary": "esd.share_usual", "min": 0}))
    'No value can break this rule: it is always from 0 to 1.'
    """
    span = _span(rule)
    if rule.bound is not None and span is not None and _holds_all(rule.bound, *span):
        low, high = span
        return f"No value can break this rule: it is always {Bound.model_validate(_ends(low, high)).words()}."
    wanted = rule.where.equals if rule.where is not None else None
    choices = () if rule.metric.column is None else rule.metric.column.choices
    if isinstance(wanted, str) and choices and wanted not in choices:
        words = ", ".join(word for word in choices if word)
        return f"{rule.metric.key} is never “{wanted}”{_proposal(wanted, choices)}: it is one of {words}."
    return ""


def notes(policy: "Policy") -> list[str]:
    """What people should know of a policy before they rely on it, a sentence each."""
    found = [f"{rule.name}: {why}" for rule in policy.rules if (why := why_constant(rule))]
    return [*found, *([f"{ALL_WARN[0].upper()}{ALL_WARN[1:]}."] if only_warns(policy) else [])]


def only_warns(policy: "Policy") -> bool:
    return all(rule.severity is RuleSeverity.WARN for rule in policy.rules)


def _span(rule: Rule) -> tuple[float, float] | None:
    """Between which values the rule's number lies whatever the report; None where that is not known."""
    if rule.aggregate == "share" or _is_share(rule.metric):
        return 0.0, 1.0
    if rule.aggregate == "count" or rule.metric.key == "coverage.unmeasured":
        return 0.0, math.inf
    return None


def _is_share(metric: Metric) -> bool:
    owner, name = metric.diagnostic, metric.name
    return metric.column is None and (name.startswith("share_") or (owner == "coverage" and name in SHARES))


def _holds_all(bound: Bound, low: float, high: float) -> bool:
    """Whether the bound holds for both ends, and so for all between; of no upper end a bound above says nothing."""
    open_end = high if math.isfinite(high) else low
    return bound.holds(low) and bound.holds(open_end) and (math.isfinite(high) or _has_no_upper_end(bound))


def _has_no_upper_end(bound: Bound) -> bool:
    return bound.maximum is None and bound.below is None and bound.equals is None


def _ends(low: float, high: float) -> dict[str, float]:
    return {"min": low} if math.isinf(high) else {"min": low, "max": high}


def _proposal(word: str, choices: Sequence[str]) -> str:
    near = closest(word, choices)
    return f" (did you mean “{near}”?)" if near else ""
