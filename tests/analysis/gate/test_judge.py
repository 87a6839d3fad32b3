"""Verdicts on reports whose numbers are known."""

import json
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import pytest

from analysis.gate.evidence import Evidence, Lost
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from tests.reports import alphas, judged, report, row

VALUES = (3.0, 5.0, 8.0, 2.5)
FOUND = report({"esd": alphas(*VALUES)}, summary={"esd": {"share_usual": 0.75, "flagged": 1}})


def esd(**keys: Any) -> dict[str, Any]:
    return {"column": "esd.alpha", **keys}


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (esd(max=8), "pass"),
        (esd(max=7.9), "fail"),
        (esd(below=8), "fail"),
        (esd(max=7.9, severity="warn"), "warn"),
        (esd(above=7, aggregate="any"), "pass"),
        (esd(above=8, aggregate="any"), "fail"),
        (esd(max=6, aggregate="median"), "pass"),
        (esd(max=4.6, aggregate="mean"), "fail"),
        (esd(max=7.5, aggregate="p95"), "fail"),
        (esd(min=2.5, aggregate="min"), "pass"),
        (esd(max=7.9, aggregate="max"), "fail"),
        (esd(aggregate="count", where={"above": 6}, max=1), "pass"),
        (esd(aggregate="count", where={"above": 4}, max=1), "fail"),
        (esd(aggregate="count", where={"between": [2, 6]}, min=4), "fail"),
        (esd(max=6, layers={"depth": [0, 1]}), "pass"),
        (esd(max=6, layers={"name": "[a-c]"}), "fail"),
        (esd(max=6, layers={"except": "c"}), "pass"),
        ({"summary": "esd.share_usual", "min": 0.75}, "pass"),
        ({"summary": "esd.share_usual", "min": 0.76}, "fail"),
        ({"summary": "esd.share_healthy", "min": 0.75}, "pass"),  # its name in earlier versions
        ({"summary": "coverage.parameters", "min": 0.9}, "pass"),
        ({"summary": "coverage.tensors", "min": 0.5}, "fail"),
    ],
)
def test_rules_over_known_numbers(rule: dict[str, Any], outcome: str) -> None:
    assert judged(rule, FOUND).outcome == outcome


def test_the_aggregates_are_what_their_names_say() -> None:
    expected = {
        "mean": fmean(VALUES),
        "median": median(VALUES),
        "p95": np.percentile(VALUES, 95),
        "min": 2.5,
        "max": 8.0,
    }
    assert {name: judged(esd(max=0, aggregate=name), FOUND).value for name in expected} == pytest.approx(expected)


def test_offenders_come_worst_first_with_their_values() -> None:
    found = judged(esd(between=[2.6, 4.0]), FOUND)
    assert [(item.weight, item.value) for item in found.offenders] == [("c", 8.0), ("b", 5.0), ("d", 2.5)]
    assert found.sentence == "esd.alpha is from 2.6 to 4 in 1 of 4 layers. Furthest from it: Block 2 · c with 8."


def test_texts_and_flags() -> None:
    rows = report(
        {"esd": [row("a", warning="", small_n=True, num_evals=9), row("b", warning="over-trained", num_evals=9)]}
    )
    assert judged({"column": "esd.warning", "equals": ""}, rows).outcome == "fail"
    assert judged({"column": "esd.warning", "equals": "", "aggregate": "any"}, rows).outcome == "pass"
    one = judged({"column": "esd.small_n", "equals": True, "layers": {"name": "a"}}, rows)
    assert (one.outcome, one.sentence) == ("pass", "esd.small_n of Block 0 · a is true; it should be true.")


# --- against a baseline ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (esd(max_regression=0.0), "fail"),  # c went from 7 to 8, away from 2 to 6
        (esd(max_regression=1.0), "pass"),
        (esd(max_regression="14%"), "fail"),
        (esd(max_regression="15%"), "pass"),
        (esd(max_regression=0, better="lower", layers={"name": "a"}), "fail"),  # from 2.9 to 3
        (esd(max_regression=0, better="higher", layers={"name": "a"}), "pass"),
        (esd(max_regression=0.05, better="same", layers={"name": "a"}), "fail"),
        (esd(max_regression=0, aggregate="median"), "pass"),
        (esd(max_regression="50%", aggregate="count", where={"above": 4}, better="lower"), "fail"),  # from 1 to 2
        ({"summary": "esd.flagged", "max_regression": 0, "better": "lower"}, "fail"),
        ({"summary": "esd.flagged", "max_regression": 1, "better": "lower"}, "pass"),
    ],
)
def test_rules_against_a_baseline(rule: dict[str, Any], outcome: str) -> None:
    baseline = report({"esd": alphas(2.9, 3.9, 7.0, 2.5)}, summary={"esd": {"share_usual": 1.0, "flagged": 0}})
    assert judged(rule, FOUND, baseline).outcome == outcome


def test_what_a_regression_says() -> None:
    found = judged(esd(max_regression=0), FOUND, report({"esd": alphas(3.0, 5.0, 7.0, 2.5)}))
    (worst,) = found.offenders
    assert (worst.weight, worst.value, worst.baseline) == ("c", 8.0, 7.0)
    assert found.sentence == (
        "esd.alpha is at most 0 worse than in the baseline in 3 of 4 layers. "
        "Furthest from it: Block 2 · c with 8, which went from 7."
    )


def test_an_aggregate_is_over_the_layers_that_both_have() -> None:
    found = judged(esd(max_regression=0, aggregate="max", coverage=0.5), FOUND, report({"esd": alphas(3.0, 4.0)}))
    assert (found.value, found.baseline, found.judged) == (5.0, 4.0, 2)
    assert [item.why for item in found.without] == ["the baseline has no such layer"] * 2


# --- missing evidence -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("missing", "outcome"), [("pass", "pass"), ("fail", "fail"), ("insufficient", "insufficient")])
@pytest.mark.parametrize(
    ("rule", "found", "more"),
    [
        ({"column": "intruders.count", "max": 0}, FOUND, {}),  # of one checkpoint nothing is to compare
        (esd(min=2, layers={"name": "nothing"}), FOUND, {}),
        (esd(min=2), report({"esd": alphas(None, None)}), {}),
        (esd(min=2), report({"esd": alphas(3.0, None, None)}), {}),  # a third is less than half
        (esd(min=2, coverage=0.8), report({"esd": alphas(3.0, 3.0, None)}), {}),
        (esd(min=2, rows=5), FOUND, {}),
        (esd(min=2, weak="drop"), report({"esd": alphas(3.0, 3.0, low_confidence=True)}), {}),
        (esd(max_regression=1), FOUND, {}),  # no baseline
        ({"summary": "esd.median_alpha", "max": 9}, FOUND, {}),  # a number that the report lacks
    ],
)
def test_missing_evidence_is_what_the_rule_says(
    rule: dict[str, Any], found: Any, more: dict[str, Any], missing: str, outcome: str
) -> None:
    verdict = judged({**rule, "missing": missing}, found, **more)
    assert verdict.outcome == outcome
    assert verdict.insufficient
    assert verdict.sentence.startswith("Not enough evidence: ")


OTHER = report({"esd": alphas(3.0, 3.0, 3.0, 3.0)})


@pytest.mark.parametrize(("missing", "outcome"), [("pass", "insufficient"), ("fail", "fail")])
@pytest.mark.parametrize(
    ("rule", "found", "more"),
    [
        (esd(min=2), report({}), {}),  # not measured at all
        (esd(min=2), FOUND, {"lost": (Lost("x", "q", 0, "the worker failed"),)}),
        (esd(min=2), report({"esd": [*alphas(3.0), row("x", note="it holds NaN")]}), {}),
        (esd(min=2), FOUND, {"measured": {"esd": {"leave_out": 1}}}),
        ({"summary": "esd.flagged", "max": 9}, FOUND, {"ended": "the run was cancelled"}),
        (esd(max_regression=9), FOUND, {"baseline": report({"esd": alphas(3.0, 3.0, 3.0)})}),  # it lacks a layer
        (esd(max_regression=9), report({"esd": alphas(3.0, 3.0)}), {"baseline": OTHER}),  # two layers are gone
        (esd(max_regression=9), report({"esd": [*alphas(3.0), row("b", note="it holds NaN")]}), {"baseline": OTHER}),
    ],
)
def test_a_weight_that_cannot_be_measured_never_passes_as_missing(
    rule: dict[str, Any], found: Any, more: dict[str, Any], missing: str, outcome: str
) -> None:
    verdict = judged({**rule, "missing": missing}, found, **more)
    assert (verdict.outcome, verdict.insufficient) == (outcome, True)


@pytest.mark.parametrize("no_baseline", ["pass", "fail", "insufficient"])
def test_a_first_run_is_a_thing_of_its_own(no_baseline: str) -> None:
    rule = esd(max_regression=1, missing="fail", no_baseline=no_baseline)
    first = judged(rule, FOUND, no_baseline="No finished run exists over 'model@main'.")
    assert first.outcome == no_baseline
    assert "there is no baseline to compare with: No finished run exists over 'model@main'." in first.sentence
    verdict = judge(policy_of({"rules": [rule]}), Evidence(FOUND))
    assert "there is no baseline yet, so nothing was compared" in verdict.to_json()["headline"]
    assert judged(rule, report({"esd": [row("a", note="it holds NaN")]}), FOUND).outcome == "fail"


@pytest.mark.parametrize(
    "policy",
    [{}, {"insufficient": "pass", "missing": "pass"}, {"measure": {"norms": {}}, "insufficient": "pass"}],
)
def test_no_policy_opens_the_gate_to_a_weight_that_is_not_finite(policy: dict[str, Any]) -> None:
    note = "1 of 64 values are NaN or infinite"
    broken = report({"esd": [*alphas(3.0, 3.0, 3.0), row("x", note=note)]})
    rules = [esd(min=2, missing="pass", coverage=0.5, layers={"name": ["a", "x"]})]
    verdict = judge(policy_of({**policy, "rules": rules}), Evidence(broken))
    assert not verdict.passed
    (closing,) = [rule for rule in verdict.rules if rule.outcome == "fail"]
    assert closing.rule.metric.key == "coverage.unmeasured"
    assert closing.sentence == f"coverage.unmeasured is 1; it should be at most 0. The first is x: {note}."
    lenient = [*rules, {"summary": "coverage.unmeasured", "max": 1}]
    assert judge(policy_of({**policy, "rules": lenient}), Evidence(broken)).passed


def test_a_file_of_which_little_was_read_closes_the_gate() -> None:
    little = report({"esd": alphas(3.0)})
    little["coverage"]["analysed_parameters"] = 899
    verdict = judge(policy_of({"insufficient": "pass", "rules": [esd(min=2)]}), Evidence(little))
    assert [str(rule.outcome) for rule in verdict.rules] == ["pass", "fail", "pass"]
    assert verdict.rules[1].sentence == "coverage.parameters is 0.899; it should be at least 0.9."
    own = [esd(min=2), {"summary": "coverage.parameters", "min": 0.5}]
    assert judge(policy_of({"rules": own}), Evidence(little)).passed
    warns = [esd(min=2), {"summary": "coverage.parameters", "min": 0.95, "severity": "warn"}]
    assert not judge(policy_of({"rules": warns}), Evidence(little)).passed


@pytest.mark.parametrize(("least", "outcome"), [(0.75, "pass"), (0.8, "fail")])
def test_a_share_of_the_layers(least: float, outcome: str) -> None:
    found = judged(esd(aggregate="share", where={"between": [2, 6]}, min=least), FOUND)
    assert (found.outcome, found.value) == (outcome, 0.75)
    assert found.sentence.startswith("esd.alpha is from 2 to 6 in 3 layers of 4: that is 0.75; it should be at least")
    assert [item.weight for item in found.offenders] == (["c"] if outcome == "fail" else [])
    some = {"layers": {"role": "q", "name": "[ab]"}}
    assert judged(esd(aggregate="share", where={"between": [2, 6]}, min=least, **some), FOUND).value == 1.0
    worse = esd(aggregate="share", where={"below": 6}, max_regression="10%", better="higher")
    assert judged(worse, FOUND, report({"esd": alphas(3.0, 3.0, 3.0, 3.0)})).outcome == "fail"


def test_a_value_that_a_column_declares_absent_is_no_gap_by_itself() -> None:
    """A matrix of two eigenvalues has no tail: that is no reason to doubt the rest."""
    verdict = judged(esd(min=2), report({"esd": alphas(3.0, 3.0, None)}))
    assert (verdict.outcome, verdict.insufficient) == ("pass", False)


def test_a_failed_layer_is_let_through_where_the_rule_states_its_coverage() -> None:
    rows = report({"esd": [*alphas(3.0, 3.0, 3.0), row("x", note="it holds NaN")]})
    assert judged(esd(min=2), rows).outcome == "insufficient"
    assert judged(esd(min=2, coverage=0.75), rows).outcome == "pass"


def test_what_is_certain_needs_no_more_evidence() -> None:
    lost: dict[str, Any] = {"lost": (Lost("x", "q", 0, "gone"),)}
    assert judged(esd(max=6), FOUND, **lost).outcome == "fail"
    assert judged(esd(min=8, aggregate="any"), FOUND, **lost).outcome == "pass"
    assert judged(esd(max=4, aggregate="median"), FOUND, **lost).outcome == "insufficient"


def test_a_lost_tensor_counts_for_the_rules_that_are_about_it() -> None:
    lost: dict[str, Any] = {"lost": (Lost("x", "v", 3, "gone"),)}
    assert judged(esd(max=9, layers={"role": "q"}), FOUND, **lost).outcome == "pass"
    assert judged(esd(max=9, layers={"depth": [2, 4]}), FOUND, **lost).outcome == "insufficient"


def test_missing_evidence_of_a_warning_is_a_warning() -> None:
    assert judged(esd(min=2, severity="warn"), report({})).outcome == "warn"


# --- several checkpoints --------------------------------------------------------------------------------------------

BASE = [row("a", group=[at], alpha=alpha, num_evals=9) for at, alpha in enumerate((9.0, 3.0, 7.0))]
PAIRS = [row("a", group=[0, 1], count=0), row("a", group=[0, 2], count=3)]
SEVERAL = report(
    {"esd": BASE, "intruders": PAIRS},
    names=["base", "lora", "full"],
    summary={
        "esd": {"flagged": 2},
        "intruders": {
            "intruders": 3,
            "groups": [
                {"group": [0, 1], "checkpoints": ["base", "lora"], "intruders": 0},
                {"group": [0, 2], "checkpoints": ["base", "full"], "intruders": 3},
            ],
        },
    },
)


@pytest.mark.parametrize(
    ("checkpoint", "values"),
    [(None, {3.0, 7.0}), ("tuned", {3.0, 7.0}), ("base", {9.0}), ("last", {7.0}), ("every", {3.0, 7.0, 9.0}),
     (1, {3.0}), ("lora", {3.0}), ("nobody", set()), (7, set())],
)  # fmt: skip
def test_which_checkpoint_a_rule_is_about(checkpoint: Any, values: set[float]) -> None:
    found = judged(esd(max=0, checkpoint=checkpoint), SEVERAL)
    assert {item.value for item in found.offenders} == values
    assert (found.outcome == "insufficient") is (not values)


@pytest.mark.parametrize(
    ("checkpoint", "outcome"), [(None, "fail"), ("lora", "pass"), ("full", "fail"), ("last", "fail")]
)
@pytest.mark.parametrize("about", [{"column": "intruders.count"}, {"summary": "intruders.intruders"}])
def test_pairs_are_about_the_tuned_one(about: dict[str, str], checkpoint: Any, outcome: str) -> None:
    assert judged({**about, "max": 0, "checkpoint": checkpoint}, SEVERAL).outcome == outcome


def test_a_number_of_all_checkpoints_together_is_none_of_one() -> None:
    assert judged({"summary": "esd.flagged", "max": 2}, SEVERAL).outcome == "pass"
    assert judged({"summary": "esd.flagged", "max": 2, "checkpoint": "last"}, SEVERAL).outcome == "insufficient"


def test_layers_meet_the_baseline_by_name_and_place() -> None:
    theirs = report({"esd": [row("a", group=[1], alpha=3.0, num_evals=9), row("a", group=[2], alpha=6.5, num_evals=9)]},
                    names=["base", "lora", "full"])  # fmt: skip
    (worse,) = judged(esd(max_regression=0), SEVERAL, theirs).offenders
    assert (worse.group, worse.baseline) == ((2,), 6.5)
    one = report({"esd": [row("a", alpha=6.0, num_evals=9)]})
    assert judged(esd(max_regression=0.5, checkpoint="last"), SEVERAL, one).outcome == "fail"


# --- the whole ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "outcome", "passed"),
    [
        ([esd(min=0)], "pass", True),
        ([esd(min=0), esd(min=3, severity="warn")], "warn", True),
        ([esd(min=3, severity="warn"), {"column": "norms.sv_max", "max": 1}], "insufficient", False),
        ([{"column": "norms.sv_max", "max": 1}, esd(min=3)], "fail", False),
    ],
)
def test_the_verdict_is_the_worst(rules: list[dict[str, Any]], outcome: str, passed: bool) -> None:
    verdict = judge(policy_of({"rules": rules}), Evidence(FOUND))
    assert (verdict.outcome, verdict.passed) == (outcome, passed)
    open_ = judge(policy_of({"rules": rules, "insufficient": "pass"}), Evidence(FOUND))
    assert open_.passed is (passed or outcome == "insufficient")


def test_the_same_again_is_the_same() -> None:
    policy = policy_of({"rules": [esd(min=3), esd(max_regression="1%", aggregate="mean")]})
    first, second = (json.dumps(judge(policy, Evidence(FOUND), FOUND).to_json()) for _ in range(2))
    assert first == second


def test_the_models_of_the_examples(minilm: Path) -> None:
    """What `analyze` says of a real file goes through the gate as it is."""
    from analysis.diagnostics import requests
    from analysis.engine.single import analyze
    from analysis.formats import open_checkpoint

    found = analyze(open_checkpoint([minilm]), requests({"norms": {}})).to_json()
    assert judged({"column": "norms.rank_loss", "max": 0}, found).outcome == "pass"
    assert judged({"column": "norms.stable_rank", "min": 100}, found).outcome == "fail"
