"""What the gate says: of each rule pass, warn, insufficient or fail, why, and over which layers; the worst of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.diagnostic import Scalar
from analysis.errors import LONGEST_NAME
from analysis.findings.wording import join_words, quantity
from analysis.gate.evidence import Item
from analysis.gate.policy import ALL_WARN, Policy
from analysis.gate.rule import Missing, Rule
from analysis.outcome import Outcome

VERSION = 1
MOST_LISTED = 100  # layers that a verdict names for one rule; it counts them all


@dataclass(frozen=True)
class RuleVerdict:
    """What became of a rule."""

    rule: Rule
    outcome: Outcome
    sentence: str
    value: Scalar = None  # the aggregate, where there is one number
    baseline: float | None = None
    items: int = 0  # layers that the rule is about
    judged: int = 0  # those with a value to judge by
    offenders: tuple[Item, ...] = ()  # worst first
    without: tuple[Item, ...] = ()  # those that have no value, and why
    insufficient: bool = False  # whether evidence is missing, whatever the rule makes of that

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.name,
            "metric": self.rule.metric.key,
            "aggregate": self.rule.aggregate if self.rule.metric.column else None,
            "severity": str(self.rule.severity),
            "outcome": str(self.outcome),
            "insufficient": self.insufficient,
            "sentence": self.sentence,
            "bound": (self.rule.bound or self.rule.regression or self.rule).to_json(),
            "value": self.value,
            "baseline": self.baseline,
            "layers": self.items,
            "judged": self.judged,
            "offending": len(self.offenders),
            "offenders": [item_json(item) for item in self.offenders[:MOST_LISTED]],
            "missing": len(self.without),
            "without": [item_json(item) for item in self.without[:MOST_LISTED]],
        }


def item_json(item: Item) -> dict[str, Any]:
    return {
        "weight": item.weight,
        "label": item.label[:LONGEST_NAME] or item.weight,
        "group": list(item.group),
        "checkpoints": list(item.checkpoints),
        "value": item.value,
        "baseline": item.baseline,
        "why": item.why or None,
    }


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a report."""

    policy: Policy
    rules: tuple[RuleVerdict, ...]
    ended: str = ""  # why the run ended before its time, in a sentence
    compared: bool = True  # whether there was a baseline, where rules ask for one
    only_warns: bool = False  # whether no rule of the policy can close the gate

    @property
    def outcome(self) -> Outcome:
        """The worst of the rules; of a run that ended before its time never better than insufficient."""
        ranks = list(Outcome)
        floor = [Outcome.INSUFFICIENT] if self.ended else []
        return max((*floor, *(rule.outcome for rule in self.rules)), key=ranks.index)

    @property
    def passed(self) -> bool:
        """Whether the gate is open: nothing failed, and what is insufficient counts as the policy says.

        What a run that ended before its time did not measure nobody knows, so no policy opens the gate then.
        """
        if self.ended:
            return False
        if self.outcome is Outcome.INSUFFICIENT:
            return self.policy.insufficient is Missing.PASS
        return self.outcome is not Outcome.FAIL

    @property
    def headline(self) -> str:
        text = headline([str(rule.outcome) for rule in self.rules], self.passed, self.ended, self.compared)
        idle = [IDLE.format(quantity(self._idle, "rule"))] if self._idle else []
        notes = [*idle, *([ALL_WARN] if self.only_warns else [])]
        return f"{'; '.join([text.rstrip('.'), *notes])}." if notes and self.passed else text

    @property
    def _idle(self) -> int:
        """How many rules pass for want of evidence; of a first run those that have a bound."""
        idle = [rule for rule in self.rules if rule.insufficient and rule.outcome is Outcome.PASS and not rule.judged]
        return sum(self.compared or rule.rule.regression is None for rule in idle)

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "verdict": str(self.outcome),
            "passed": self.passed,
            "headline": self.headline,
            "ended": self.ended or None,
            "rules": [rule.to_json() for rule in self.rules],
        }


IDLE = "{} had nothing to judge by and let that pass"
WORDS: Mapping[str, str] = {"fail": "failed", "insufficient": "without enough evidence", "warn": "with a warning"}


def headline(outcomes: Sequence[str], passed: bool, ended: str = "", compared: bool = True) -> str:
    """The verdict in a sentence.

    >>> headline(["pass", "warn", "pass"], True)
    'The gate is open: 2 of 3 rules hold, 1 with a warning.'
    """
    if ended:
        return f"The gate is closed: {ended.rstrip('.')}."
    count = outcomes.count("pass")
    note = "" if compared else "; there is no baseline yet, so nothing was compared"
    rest = [f"{outcomes.count(outcome)} {word}" for outcome, word in WORDS.items() if outcome in outcomes]
    every = "every rule holds" if len(outcomes) > 1 else "its rule holds"
    text = every if not rest else f"{count} of {quantity(len(outcomes), 'rule')} {'holds' if count == 1 else 'hold'}"
    return f"The gate is {'open' if passed else 'closed'}: {text}{', ' + join_words(rest) if rest else ''}{note}."
