"""Policies as values: what they ask a run for, and that they survive a round trip."""

import time
from typing import Any

import pytest

from analysis.errors import PolicyError
from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.policy import MOST_GLOBS, notes
from analysis.gate.reading import policy_of
from tests.reports import alphas, judged, report, row

SHARE = {"column": "esd.alpha", "aggregate": "share", "where": {"above": 6}}
COUNT = {"column": "esd.alpha", "aggregate": "count", "where": {"above": 6}}
STATE = {"column": "entries.state", "aggregate": "share", "max": 0.5}
FOUND = report({"esd": alphas(3.0, 8.0)}, summary={"esd": {"share_usual": 0.5}})


def test_a_run_is_asked_for_what_the_rules_need_and_its_checkpoints_allow() -> None:
    policy = policy_of({"rules": [{"column": "intruders.count", "max": 0}, {"column": "esd.alpha", "min": 2}],
                        "measure": {"intruders": {"k": 7}}})  # fmt: skip
    assert policy.needs_base
    assert list(policy.diagnostics(1)) == ["esd"]
    assert list(policy.diagnostics(2)) == ["intruders", "esd"]
    assert policy.diagnostics(2)["intruders"]["k"] == 7
    alone = policy_of({"rules": [{"summary": "coverage.tensors", "min": 0}]})
    assert not alone.needs_base
    assert list(alone.diagnostics(1)) == ["esd", "norms", "entries"]


def test_a_policy_read_again_from_its_own_json_is_the_same() -> None:
    rules = [
        {"column": "esd.alpha", "between": [2, 6], "aggregate": "p95", "weak": "drop", "rows": 3, "coverage": 0.9},
        {"column": "norms.sv_max", "max_regression": "12.5%", "better": "lower", "missing": "pass"},
        {"column": "esd.warning", "aggregate": "count", "where": {"equals": "under-trained"}, "max": 3,
         "layers": {"name": ["*a*"], "except": "*b*", "role": "q", "depth": 3}, "severity": "warn"},
        {"summary": "intruders.intruders", "above": 1, "below": 9, "checkpoint": "last"},
    ]  # fmt: skip
    policy = policy_of({"rules": rules, "measure": {"esd": {"leave_out": 1}}, "insufficient": "pass"})
    assert policy_of(policy.to_json()) == policy


def test_globs_are_few_and_each_is_compiled_once() -> None:
    """A policy of 24 KB with ten thousand globs took a minute on a thousand layers."""
    globs = [f"*a*{n}*b*c*" for n in range(50)]
    rules = [{"column": "norms.sv_max", "max": n, "layers": {"name": globs}} for n in range(5)]
    with pytest.raises(PolicyError, match="its rules have 250 globs, and at most 200 are allowed"):
        policy_of({"rules": rules})
    layers = report({"norms": [row(f"{'a' * 50}.{n}.{'b' * 50}", sv_max=1.0) for n in range(2000)]})
    begin = time.process_time()
    verdict = judge(policy_of({"rules": rules[: MOST_GLOBS // 50]}), Evidence(layers))
    assert len(verdict.rules) == MOST_GLOBS // 50 + 2
    assert time.process_time() - begin < 10.0


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
