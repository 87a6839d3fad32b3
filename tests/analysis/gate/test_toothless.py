"""Rules that nothing can break are told, and policies that only warn."""

from typing import Any

import pytest

from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from analysis.gate.toothless import notes
from tests.reports import alphas, judged, report

SHARE = {"column": "esd.alpha", "aggregate": "share", "where": {"above": 6}}
COUNT = {"column": "esd.alpha", "aggregate": "count", "where": {"above": 6}}
STATE = {"column": "entries.state", "aggregate": "share", "max": 0.5}
FOUND = report({"esd": alphas(3.0, 8.0)}, summary={"esd": {"share_usual": 0.5}})


@pytest.mark.parametrize(
    "rule",
    [
        {**SHARE, "min": 0},
        {**SHARE, "between": [0, 1]},
        {**COUNT, "min": 0},
        {"summary": "esd.share_usual", "max": 1},
        {"summary": "coverage.parameters", "min": 0.0},
        {"summary": "coverage.unmeasured", "min": 0},
        {**STATE, "where": {"equals": "randon"}},
    ],
)
def test_a_rule_that_nothing_can_break_is_told(rule: dict[str, Any]) -> None:
    (note,) = notes(policy_of({"rules": [rule]}))
    assert note.startswith("1: ")


@pytest.mark.parametrize(
    "rule",
    [
        {**SHARE, "max": 0.5},
        {**SHARE, "above": 0},
        {**COUNT, "max": 1000},
        {**COUNT, "min": 1},
        {"summary": "esd.share_usual", "min": 0.1},
        {"summary": "esd.median_alpha", "min": 0},
        {"column": "esd.alpha", "min": 0},
        {**STATE, "where": {"equals": "random"}},
        {**STATE, "where": {"equals": ""}},
        {**SHARE, "max_regression": 0.1, "better": "lower"},
    ],
)
def test_a_rule_that_can_fail_is_not(rule: dict[str, Any]) -> None:
    assert notes(policy_of({"rules": [rule]})) == []


def test_the_verdict_says_it() -> None:
    assert judged({**COUNT, "min": 0}, FOUND).sentence.endswith(
        "No value can break this rule: it is always at least 0."
    )
    [note] = notes(policy_of({"rules": [{**STATE, "where": {"equals": "randon"}}]}))
    assert "entries.state is never “randon” (did you mean “random”?): it is one of zero, " in note


def test_a_policy_that_only_warns_says_so_where_it_opens() -> None:
    policy = policy_of({"rules": [{"column": "esd.alpha", "max": 6, "severity": "warn"}]})
    verdict = judge(policy, Evidence(FOUND))
    assert verdict.passed
    assert verdict.headline.endswith(
        "; every rule of the policy only warns, so that nothing but the coverage can close the gate."
    )
    assert notes(policy) == [
        "Every rule of the policy only warns, so that nothing but the coverage can close the gate."
    ]
