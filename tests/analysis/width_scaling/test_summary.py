"""What is said of a family: does the law hold, and does the recipe transfer?"""

from dataclasses import replace

import numpy as np
import pytest

from analysis.diagnostic import Finding, Scalar, Severity, Table
from analysis.findings.wording import two_places
from analysis.width_scaling.law import Setting
from analysis.width_scaling.summary import summarise
from tests.families import REQUEST, RULES, facts, settings, table


def drifts(given: Table) -> list[Finding]:
    return [finding for finding in summarise(given).findings if finding.text.startswith("σ₁ drifts")]


@pytest.mark.parametrize("rule", RULES)
def test_the_headline_has_both_exponents(rule: str) -> None:
    summary = summarise(table(settings(rule)))
    wanted = f"where the law says 0.75; σ₁ itself as d^{two_places(RULES[rule][2])}."
    assert summary.headline.startswith("σ₁ / √(η/λ) grows as d^0.75 (95 % interval 0.75 to 0.75) over widths 16 to 48")
    assert summary.headline.endswith(wanted)
    assert summary.numbers["exponent"] == pytest.approx(0.75, abs=1e-4)
    assert summary.numbers["drift.q"] == pytest.approx(RULES[rule][2], abs=1e-4)
    assert (summary.numbers["law.pass"], summary.numbers["law.fail"]) == (21, 0)


def test_the_rule_transfers_and_no_other() -> None:
    assert drifts(table(settings("λ ∝ √d"))) == []
    (found,) = drifts(table(settings("λ constant")))
    assert found.severity is Severity.WARN
    assert "query ×1.32" in found.text
    assert "2 · 1.32² = 3.46" in found.why  # 2 · 3^(2/4)
    (found,) = drifts(table(settings("both constant")))
    assert found.severity is Severity.BAD


def test_an_exponent_that_is_not_the_laws() -> None:
    """λ is stated as constant and was ∝ √d: the law's exponent comes out as 0.5."""
    stated = [facts(setting) for setting in settings("λ constant")]
    summary = summarise(table(settings("λ ∝ √d"), stated))
    (found,) = (f for f in summary.findings if f.text.startswith("Query"))
    assert found.text == "Query: σ₁ grows less with width than the law says: d^0.50, not d^0.75"
    assert found.severity is Severity.WARN
    assert found.weights[0] == "model.layers.0.self_attn.q_proj.weight"


def test_two_widths_are_a_check() -> None:
    summary = summarise(table(settings("λ constant", (16.0, 32.0))))
    wanted = "From width 16 to 32 σ₁ changes by a factor of 1.19, where the law says 1.19; two models give no interval."
    assert summary.headline == wanted
    assert "exponent" not in summary.numbers
    assert summary.groups[0, 1]["law.q"] == "pass"
    stated: list[dict[str, Scalar]] = [{"learning_rate": 0.01, "weight_decay": 2.0, "parametrisation": "standard"}] * 2
    failing = summarise(table(settings("λ ∝ d", (16.0, 48.0)), stated))
    (found,) = (f for f in failing.findings if f.text.startswith("The law does not predict"))
    assert found.severity is Severity.BAD
    assert "query 0.76 against 2.28" in found.why


@pytest.mark.parametrize("fact", [{"weight_decay": 0.0}, {"learning_rate": None}])
def test_without_settings_of_the_narrowest_the_others_are_checked(fact: dict[str, float | None]) -> None:
    given = settings("λ ∝ √d", (16.0, 32.0, 48.0))
    told: list[dict[str, Scalar]] = [
        {**facts(one), "weight_decay": 2.0, "learning_rate": 0.01, "parametrisation": "standard"} for one in given
    ]
    summary = summarise(table(given, [{**told[0], **fact}, *told[1:]]))
    assert summary.groups[1, 2]["law"] == "warn"
    assert summary.groups[1, 2]["measured.q"] == pytest.approx(1.0, abs=1e-4)
    assert summary.groups[0, 2]["law"] is None
    assert summary.numbers["law.warn"] == 7
    (found,) = (f for f in summary.findings if f.text.startswith("The law does not predict"))
    assert "query 1.00 against 1.36" in found.why


def test_pairs_that_fail_are_told_though_a_wide_interval_agrees() -> None:
    """σ₁ that is the same in all, where η and λ are not."""
    told = [Setting(64.0, 0.01, 1.0), Setting(128.0, 0.005, 1.0), Setting(256.0, 0.001, 2.0)]
    summary = summarise(table(settings("λ ∝ √d", (16.0, 32.0, 64.0)), [facts(one) for one in told]))
    assert "where the law says 0.75: too wide an interval to decide" in summary.headline
    (found,) = (f for f in summary.findings if f.text.startswith("The law does not predict"))
    assert found.severity is Severity.BAD
    assert "query 1.00 against 0.63" in found.why
    assert "it is wide" in found.why


def test_without_rates_the_drift_alone() -> None:
    given = settings("λ constant")
    summary = summarise(table(given, [{} for _ in given]))
    assert summary.headline.startswith("σ₁ grows as d^0.25 (95 % interval 0.25 to 0.25) over widths 16 to 48.")
    assert "exponent" not in summary.numbers
    assert summary.numbers["steady"] is None
    assert any(finding.text.startswith("Not known: the learning rate") for finding in summary.findings)


def test_one_width_with_several_decays() -> None:
    given = [replace(setting, width=16.0, learning_rate=0.01) for setting in settings("λ ∝ d")]
    summary = summarise(table(given))
    assert (
        summary.headline == "At width 16 σ₁ grows as (η/λ)^0.50 (95 % interval 0.50 to 0.50), where the law says 0.5."
    )
    assert drifts(table(given)) == []


def test_each_wider_model_is_a_group() -> None:
    groups = summarise(table(settings("λ constant"))).groups
    assert list(groups) == [(0,), (1,), (2,), (3,), (0, 1), (0, 2), (0, 3)]
    assert groups[3,]["width"] == 48.0
    assert groups[3,]["scale"] == pytest.approx((0.64 / 48 / 2.0) ** 0.5)
    assert groups[0, 3]["predicted"] == pytest.approx(3**0.25)
    assert groups[0, 3]["measured.down"] == pytest.approx(3**0.25, rel=1e-5)


def test_nothing_measured() -> None:
    summary = summarise(Table(REQUEST.diagnostic, ()))
    assert summary.headline == "No weight could be measured in all models."
    assert summary.findings == ()


def test_a_summary_is_the_same_twice() -> None:
    given = table(settings("λ constant"), noise=0.05)
    assert summarise(given) == summarise(given)


def test_models_of_one_width_are_told_by_name() -> None:
    summary = summarise(table([Setting(16.0, 0.01, 1.0), Setting(16.0, 0.01, 4.0)]))
    assert summary.headline.startswith("From d16 to d16, both of width 16, σ₁ changes by a factor of 0.50")


def test_weights_that_are_zero_in_a_model_are_listed() -> None:
    given = table(settings("λ constant"))
    rows = list(given.rows)
    curves = dict(rows[1].measurement.curves)
    curves["sigma"] = curves["sigma"] * np.array([1, 0, 1, 1])
    rows[1] = replace(rows[1], measurement=replace(rows[1].measurement, curves=curves))
    summary = summarise(replace(given, rows=tuple(rows)))
    (found,) = (f for f in summary.findings if "zero" in f.text)
    assert found.text == "1 weight is zero in one of the models, and left out"
    assert found.why.startswith("Block 0 · query: ")
    (few,) = (f for f in summary.findings if f.text.startswith("2 blocks"))
    assert few.text == "2 blocks for query: intervals by resampling blocks are too narrow"
