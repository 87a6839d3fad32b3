"""The verdict as JSON: everything that a reader or a program asks for."""

import json

import pytest

from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from analysis.gate.verdict import MOST_LISTED, headline
from tests.reports import alphas, report, row


def test_a_rule_tells_its_bound_its_value_and_its_layers() -> None:
    policy = policy_of({"rules": [{"name": "tails", "column": "esd.alpha", "between": [2, 6]}]})
    told = judge(policy, Evidence(report({"esd": alphas(3.0, 9.0, None)}))).to_json()
    assert (told["version"], told["verdict"], told["passed"]) == (1, "fail", False)
    rule = told["rules"][0]
    assert (rule["rule"], rule["metric"], rule["aggregate"], rule["severity"]) == ("tails", "esd.alpha", "all", "error")
    assert rule["bound"] == {"min": 2.0, "max": 6.0}
    assert (rule["layers"], rule["judged"], rule["offending"], rule["missing"]) == (3, 2, 1, 1)
    assert rule["offenders"] == [
        {"weight": "b", "label": "Block 1 · b", "group": [0], "checkpoints": [], "value": 9.0, "baseline": None,
         "why": None}
    ]  # fmt: skip
    assert rule["without"][0]["weight"] == "c"
    json.dumps(told, allow_nan=False)


def test_a_run_that_ended_before_its_time_closes_the_gate() -> None:
    policy = policy_of({"insufficient": "pass", "missing": "pass", "rules": [{"summary": "esd.flagged", "max": 6}]})
    found = judge(policy, Evidence(report({}), ended="the run failed: no state dict."))
    told = found.to_json()
    assert (told["verdict"], told["passed"]) == ("insufficient", False)
    assert told["ended"] == "the run failed: no state dict."
    assert told["headline"] == "The gate is closed: the run failed: no state dict."


def test_a_reason_ends_with_one_full_stop() -> None:
    policy = policy_of({"missing": "pass", "rules": [{"summary": "esd.flagged", "max": 6}]})
    (rule,) = judge(policy, Evidence(report({"esd": []}), ended="the run failed: no state dict.")).rules
    assert rule.sentence == "Not enough evidence: the run failed: no state dict."


def test_a_thousand_offenders_are_counted_and_a_hundred_named() -> None:
    rows = [row(f"w{n}", alpha=9.0 + n, num_evals=9) for n in range(1000)]
    told = judge(policy_of({"rules": [{"column": "esd.alpha", "max": 6}]}), Evidence(report({"esd": rows}))).to_json()
    assert told["rules"][0]["offending"] == 1000
    assert [each["value"] for each in told["rules"][0]["offenders"]] == [1008.0 - n for n in range(MOST_LISTED)]


@pytest.mark.parametrize(
    ("outcomes", "passed", "said"),
    [
        (["pass"], True, "The gate is open: its rule holds."),
        (["pass", "pass"], True, "The gate is open: every rule holds."),
        (["pass", "warn"], True, "The gate is open: 1 of 2 rules holds, 1 with a warning."),
        (["fail"], False, "The gate is closed: 0 of 1 rule hold, 1 failed."),
        (["insufficient", "fail", "pass", "pass"], False,
         "The gate is closed: 2 of 4 rules hold, 1 failed and 1 without enough evidence."),
    ],
)  # fmt: skip
def test_the_headline(outcomes: list[str], passed: bool, said: str) -> None:
    assert headline(outcomes, passed) == said


def test_the_headline_of_a_first_run() -> None:
    said = "The gate is open: every rule holds; there is no baseline yet, so nothing was compared."
    assert headline(["pass", "pass"], True, compared=False) == said


def test_a_rule_without_anything_to_judge_by_is_in_the_headline() -> None:
    rules = [{"column": "esd.alpha", "max": 9, "missing": "pass", "layers": {"name": glob}} for glob in (".*a.*", "*")]
    found = judge(policy_of({"rules": rules}), Evidence(report({"esd": alphas(3.0)}))).headline
    assert found == "The gate is open: every rule holds; 1 rule had nothing to judge by and let that pass."
