"""A policy held against a report: the same rows and the same policy always give the same verdict."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

import numpy as np

from analysis.diagnostic import groups
from analysis.diagnostics import diagnostic
from analysis.findings.wording import format_value, quantity
from analysis.gate.bounds import Bound, Regression
from analysis.gate.evidence import Evidence, Item, Report, items, names_in
from analysis.gate.policy import Policy, only_warns, why_constant
from analysis.gate.regressions import with_baseline
from analysis.gate.rule import PER_LAYER, Missing, Rule, RuleSeverity
from analysis.gate.verdict import RuleVerdict, Verdict
from analysis.outcome import Outcome

LEAST_COVERAGE = 0.5  # share of a rule's layers that must have a value, where the rule says nothing of it
Reduce = Callable[[Sequence[float]], float]


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(np.asarray(values, np.float64), 95.0))


REDUCE: Mapping[str, Reduce] = {
    "mean": lambda values: math.fsum(values) / len(values),
    "median": lambda values: float(np.median(np.asarray(values, np.float64))),
    "p95": _p95,
    "min": min,
    "max": max,
}


class Lack(Enum):
    """What is missing where a rule cannot be judged."""

    BASELINE = auto()  # there is none yet
    EVIDENCE = auto()  # no layer matches, or what matches has by its nature no value
    MEASUREMENT = auto()  # a weight that could not be measured, was not read, or meets none of the baseline


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing of the evidence, and why in words."""

    reason: str
    lack: Lack

    def means(self, rule: Rule) -> Missing:
        """What the rule says of it. A weight that cannot be measured is never let through as missing."""
        if self.lack is Lack.BASELINE:
            return rule.no_baseline or rule.missing
        if self.lack is Lack.MEASUREMENT and rule.missing is Missing.PASS:
            return Missing.INSUFFICIENT
        return rule.missing


def judge(policy: Policy, evidence: Evidence, baseline: Report | None = None) -> Verdict:
    """The verdict on a report. What cannot be judged is part of it, and never an error.

    The policy's standing rules over the file's coverage follow its own; of a run that ended before its time they would
    say nothing new.
    """
    rules = (*policy.rules, *(() if evidence.ended else policy.standing))
    verdicts = tuple(_rule(rule, policy, evidence, baseline) for rule in rules)
    compared = baseline is not None or not policy.needs_baseline
    return Verdict(policy, verdicts, evidence.ended, compared, only_warns(policy))


def _rule(rule: Rule, policy: Policy, evidence: Evidence, baseline: Report | None) -> RuleVerdict:
    gap = _gap_before(rule, policy, evidence, baseline)
    all_items = [] if gap else items(rule, evidence)
    if rule.regression is not None and baseline is not None:
        all_items = with_baseline(all_items, rule, baseline)
    usable_items, rest = (
        [item for item in all_items if item.usable],
        tuple(item for item in all_items if not item.usable),
    )
    gap = gap or _gap(rule, usable_items, rest, evidence)
    verdict = _judge_rule(rule, usable_items) if usable_items or (all_items and rule.aggregate == "count") else None
    if gap and not (verdict and _certain(rule, verdict.outcome)):
        verdict = _insufficient(rule, gap, verdict)
    assert verdict is not None
    note = why_constant(rule)
    sentence = f"{verdict.sentence} {note}" if note else verdict.sentence
    return replace(verdict, sentence=sentence, items=len(all_items), judged=len(usable_items), without=rest)


def _gap_before(rule: Rule, policy: Policy, evidence: Evidence, baseline: Report | None) -> Gap | None:
    """Why there is nothing to judge the rule by, whatever the layers are; None where there may be."""
    if rule.regression is not None and baseline is None:
        why = f": {evidence.no_baseline}" if evidence.no_baseline else ""
        return Gap(f"there is no baseline to compare with{why}", Lack.BASELINE)
    name = rule.metric.diagnostic
    if name == "coverage":
        return None
    if name not in evidence.report["tables"]:
        can = groups(diagnostic(name).scope, max(1, len(names_in(evidence.report))))
        return Gap(f"{name} was not measured", Lack.MEASUREMENT if can else Lack.EVIDENCE)
    if evidence.measured is None or evidence.measured.get(name) == policy.measure[name]:
        return None
    differ = [key for key, value in policy.measure[name].items() if evidence.measured.get(name, {}).get(key) != value]
    options = ", ".join(differ) or "set of options"
    return Gap(f"{name} was measured with another {options} than the policy asks for", Lack.MEASUREMENT)


def _gap(rule: Rule, items: Sequence[Item], without: Sequence[Item], evidence: Evidence) -> Gap | None:
    """What is missing of the evidence; None where it is enough."""
    if evidence.ended and (not items or rule.metric.column is None):
        return Gap(evidence.ended, Lack.MEASUREMENT)
    if not items and not without:
        return Gap("no layer matches", Lack.EVIDENCE)
    failures = [item for item in without if item.failed]
    lack = Lack.MEASUREMENT if failures else Lack.EVIDENCE
    if failures and rule.coverage is None:
        return Gap(_describe_failure(failures), lack)
    reason = _too_few(rule, items, without)
    return Gap(reason, lack) if reason else None


def _describe_failure(failed: Sequence[Item]) -> str:
    verb = "measured" if failed[0].matched else "compared"
    first = f"{failed[0].label}: " if failed[0].label and len(failed) > 1 else ""
    return f"{quantity(len(failed), 'layer')} could not be {verb} ({first}{failed[0].why})"


def _too_few(rule: Rule, items: Sequence[Item], without: Sequence[Item]) -> str:
    """Why the layers with a value are too few, in words; empty where they are enough."""
    if len(items) < rule.rows:
        what = "layer" if rule.metric.column else "number"
        why = f" ({without[0].why})" if without else ""
        return f"{quantity(len(items), what)} with a value, and the rule asks for {rule.rows}{why}"
    every = len(items) + len(without)
    if len(items) / every < (LEAST_COVERAGE if rule.coverage is None else rule.coverage):
        return f"only {len(items)} of {every} layers have a value ({without[0].why})"
    return ""


def _certain(rule: Rule, outcome: Outcome) -> bool:
    """Whether the layers that are missing could change nothing."""
    if rule.aggregate == "any":
        return outcome is Outcome.PASS
    return rule.aggregate == "all" and outcome is not Outcome.PASS and rule.metric.column is not None


def _insufficient(rule: Rule, gap: Gap, there: RuleVerdict | None) -> RuleVerdict:
    """What the rule says of missing evidence."""
    blank = there or RuleVerdict(rule, Outcome.PASS, "")
    match gap.means(rule):
        case Missing.PASS:
            outcome, rest = blank.outcome, f" {blank.sentence}" if there else " The rule lets that pass."
        case Missing.FAIL:
            outcome, rest = _bad(rule), " The rule takes that for a failure."
        case Missing.INSUFFICIENT:
            outcome, rest = Outcome.WARN if rule.severity is RuleSeverity.WARN else Outcome.INSUFFICIENT, ""
    sentence = f"Not enough evidence: {gap.reason.rstrip('.')}.{rest}"
    return replace(blank, outcome=outcome, sentence=sentence, insufficient=True)


def _bad(rule: Rule) -> Outcome:
    return Outcome.WARN if rule.severity is RuleSeverity.WARN else Outcome.FAIL


def _judge_rule(rule: Rule, items: Sequence[Item]) -> RuleVerdict:
    if rule.counts:
        return _count(rule, items)
    if rule.aggregate in PER_LAYER:
        return _judge_layers(rule, items)
    return _judge_aggregate(rule, items)


def _judge_layers(rule: Rule, items: Sequence[Item]) -> RuleVerdict:
    """`all` and `any`: layer by layer."""
    excess = {item: _excess_of(rule, item) for item in items}
    bad = tuple(sorted((item for item in items if excess[item] > 0.0), key=lambda item: -excess[item]))
    good = not bad if rule.aggregate == "all" else len(bad) < len(items)
    one = items[0] if len(items) == 1 else None
    return RuleVerdict(
        rule,
        Outcome.PASS if good else _bad(rule),
        _of_one(rule, one, good) if one is not None else _of_many(rule, len(items), bad),
        value=one.value if one is not None else None,
        baseline=one.baseline if one is not None else None,
        offenders=() if good else bad,
    )


def _excess_of(rule: Rule, item: Item) -> float:
    """How far a layer's value is from what the rule allows; 0 where it is allowed."""
    if rule.regression is not None:
        assert item.baseline is not None
        return rule.regression.beyond(item.number, item.baseline)
    assert rule.bound is not None
    if rule.bound.holds(item.value):
        return 0.0
    return max(rule.bound.outside(item.number), math.ulp(0.0)) if isinstance(item.value, int | float) else 1.0


def _judge_aggregate(rule: Rule, items: Sequence[Item]) -> RuleVerdict:
    """Mean, median, p95, min or max of all layers."""
    value = REDUCE[rule.aggregate]([item.number for item in items])
    base = None
    if rule.regression is not None:
        base = REDUCE[rule.aggregate]([item.baseline for item in items if item.baseline is not None])
    good = _good(rule.bound, rule.regression, value, base)
    bad = sorted((item for item in items if _excess_of(rule, item) > 0.0), key=lambda item: -_excess_of(rule, item))
    layers = quantity(len(items), "layer")
    sentence = f"The {rule.aggregate} of {rule.metric.key} over {layers} {_describe_value(rule, value, base)}"
    return RuleVerdict(rule, Outcome.PASS if good else _bad(rule), sentence, value, base, offenders=_blame(good, bad))


def _blame(good: bool, bad: Sequence[Item]) -> tuple[Item, ...]:
    return () if good else tuple(bad)


def _count(rule: Rule, items: Sequence[Item]) -> RuleVerdict:
    """How many layers `where` holds for, or what share of them."""
    assert rule.where is not None
    hits = [item for item in items if rule.where.holds(item.value)]
    total = len(items) if rule.aggregate == "share" else 1
    value = len(hits) / total
    base = None
    if rule.regression is not None:
        base = sum(rule.where.holds(item.baseline) for item in items) / total
    good = _good(rule.bound, rule.regression, value, base)
    start = f"{rule.metric.key} is {rule.where.words()} in {quantity(len(hits), 'layer')} of {len(items)}"
    sentence = f"{start}: that {_describe_value(rule, value, base)}"
    outcome = Outcome.PASS if good else _bad(rule)
    figure = value if rule.aggregate == "share" else len(hits)
    offenders = _offenders(rule, items, hits, value, base)
    return RuleVerdict(rule, outcome, sentence, figure, base, offenders=_blame(good, offenders))


def _offenders(
    rule: Rule, items: Sequence[Item], hits: Sequence[Item], value: float, base: float | None
) -> Sequence[Item]:
    """Who is to blame for a count: those counted where it is too large, those left over where a share is too small."""
    is_too_few = rule.bound is not None and _is_too_few(rule.bound, value)
    if base is not None or not is_too_few:
        return hits
    return [item for item in items if item not in hits] if rule.aggregate == "share" else []


def _is_too_few(bound: Bound, count: float) -> bool:
    """Whether a count is outside because it is too small, so that no layer is to blame."""
    lower_ends = [end for end in (bound.minimum, bound.above) if end is not None]
    return any(count <= end for end in lower_ends)


def _good(bound: Bound | None, regression: Regression | None, value: float, base: float | None) -> bool:
    if bound is not None:
        return bound.holds(value)
    assert regression is not None
    assert base is not None
    return regression.beyond(value, base) <= 0.0


# --- in words -------------------------------------------------------------------------------------------------------


def _describe_value(rule: Rule, value: float, base: float | None) -> str:
    """The end of a sentence on one number."""
    if rule.bound is not None:
        return f"is {format_value(value)}; it should be {rule.bound.words()}."
    assert rule.regression is not None
    assert base is not None
    loss = rule.regression.worse(value, base)
    how = f"worse by {format_value(loss)}" if loss > 0.0 else "no worse"
    return f"went from {format_value(base)} to {format_value(value)}: {how}, and {rule.regression.words()} is allowed."


def _of_one(rule: Rule, item: Item, good: bool) -> str:
    what = f"{rule.metric.key} of {item.label}" if item.label else rule.metric.key
    if isinstance(item.value, int | float) and not isinstance(item.value, bool):
        first = f" The first is {item.why}." if item.why else ""
        return f"{what} {_describe_value(rule, item.number, item.baseline)}{first}"
    assert rule.bound is not None
    return f"{what} is {format_value(item.value)}; it should be {rule.bound.words()}."


def _of_many(rule: Rule, used: int, bad: Sequence[Item]) -> str:
    if rule.bound is not None:
        goal = rule.bound.words()
    else:
        assert rule.regression is not None
        goal = f"at most {rule.regression.words()} worse than in the baseline"
    how_many = f"{used - len(bad)} of" if bad else "all"
    what = "layer" if rule.metric.column else "checkpoint"
    every = f"{rule.metric.key} is {goal} in {how_many} {quantity(used, what)}."
    if not bad or (rule.aggregate == "any" and len(bad) < used):
        return every
    first = bad[0]
    change = f", which went from {format_value(first.baseline)}" if first.baseline is not None else ""
    return f"{every} Furthest from it: {first.label} with {format_value(first.value)}{change}."
