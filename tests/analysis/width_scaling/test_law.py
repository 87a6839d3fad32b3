"""The fits, on families that follow the law: what the exponents must be is worked out by hand, or by scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.width_scaling.law import (
    Estimate,
    Setting,
    bootstrap_mean,
    fit,
    inflation,
    pair,
    predict,
    reject_by_holm,
    slopes,
    verdict,
)
from benchmarks.widths import SIZES, measure
from tests.families import RULES, law, settings, sigmas

WIDTHS = (64.0, 96.0, 128.0, 192.0, 256.0)
BLOCKS = np.arange(8)


@pytest.mark.parametrize("rule", RULES)
def test_the_drift_of_each_rule_is_the_laws(rule: str) -> None:
    """η ∝ 1/d: λ ∝ √d gives d^0, constant d^0.25, λ ∝ d d^-0.25; both constant d^0.75."""
    given, wanted = settings(rule, WIDTHS), RULES[rule][2]
    found = fit(given, sigmas(given), BLOCKS)
    assert found.drift is not None
    assert found.exponent is not None
    assert found.drift.value == pytest.approx(wanted, abs=0.02)
    assert found.drift.agrees(wanted)
    assert found.exponent.value == pytest.approx(0.75, abs=0.02)
    assert found.exponent.agrees(0.75)
    assert not found.exponent.agrees(1.0)
    exact = fit(given, sigmas(given, noise=0.0), BLOCKS)
    assert exact.drift is not None
    assert exact.drift.value == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_along_one_rule_the_two_exponents_are_not_told_apart(rule: str) -> None:
    found = fit(settings(rule, WIDTHS), sigmas(settings(rule, WIDTHS)), BLOCKS)
    assert found.joint is None
    assert found.ratio is None
    (why,) = found.why
    assert ("same in all" if rule == "both constant" else "cannot be told apart") in why


def test_both_exponents_where_both_vary() -> None:
    given = [Setting(d, 0.64 / d, decay) for d in WIDTHS for decay in (0.5, 2.0)]
    found = fit(given, sigmas(given), BLOCKS)
    assert found.joint is not None
    assert found.ratio is not None
    assert found.joint.value == pytest.approx(0.75, abs=0.03)
    assert found.ratio.value == pytest.approx(0.5, abs=0.03)
    assert found.joint.agrees(0.75)
    assert found.ratio.agrees(0.5)
    assert found.why == ()


def test_at_one_width_the_exponent_of_the_ratio_alone() -> None:
    given = [Setting(64.0, 0.01, decay) for decay in (0.5, 1.0, 2.0, 4.0)]
    found = fit(given, sigmas(given, noise=0.0), BLOCKS)
    assert (found.drift, found.exponent, found.joint) == (None, None, None)
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(0.5, abs=1e-9)
    assert found.why == ("all widths are the same",)


def test_two_widths_make_no_exponent() -> None:
    given = settings("λ constant", (64.0, 128.0))
    assert fit(given, sigmas(given), BLOCKS).drift is None


def test_unknown_rates_leave_the_drift() -> None:
    given = settings("λ constant", WIDTHS)
    unknown = [Setting(setting.width) for setting in given]
    found = fit(unknown, sigmas(given, noise=0.0), BLOCKS)
    assert found.exponent is None
    assert found.why == ("η and λ are not known",)
    assert found.drift is not None
    assert found.drift.value == pytest.approx(0.25)


def test_a_model_without_decay_is_left_out_of_the_law_alone() -> None:
    given = settings("λ constant", WIDTHS)
    sigma = sigmas(given, noise=0.0)
    sigma[:, 2] *= 10.0
    given[2] = Setting(given[2].width, given[2].learning_rate, 0.0)
    found = fit(given, sigma, BLOCKS)
    assert found.exponent is not None
    assert found.exponent.value == pytest.approx(0.75)
    assert found.drift is not None
    assert found.drift.error is not None
    assert found.drift.error > 0.1


def test_slopes_and_their_errors_are_those_of_scipy() -> None:
    random = np.random.default_rng(3)
    x, y = np.log(np.array(WIDTHS)), random.standard_normal((1, 5))
    (found,) = slopes([x], y, np.array([0]))
    said = stats.linregress(x, y[0])
    assert found.value == pytest.approx(said.slope)
    assert found.error == pytest.approx(said.stderr)
    assert found.spread is not None
    assert found.spread[1] - found.value == pytest.approx(said.stderr * stats.t.ppf(0.975, 3))
    assert (found.low, found.high) == (None, None)


def test_the_careful_interval_covers_both() -> None:
    given = settings("λ constant", WIDTHS)
    found = fit(given, sigmas(given, layers=2), np.arange(2)).exponent
    assert found is not None
    assert found.widest is not None
    assert found.low is not None
    assert found.spread is not None
    assert found.widest[0] == min(found.low, found.spread[0])


def test_resampling_covers_the_mean_as_often_as_it_says() -> None:
    """Of 200 families of 12 layers, the true mean lies within some 95 %; plain percentiles would reach about 92 %."""
    random = np.random.default_rng(0)
    ends = [bootstrap_mean(random.standard_normal(12), np.arange(12)) for _ in range(200)]
    assert 0.91 <= np.mean([low <= 0.0 <= high for low, high in filter(None, ends)]) <= 0.985


def test_blocks_are_resampled_together() -> None:
    """Forty copies of four values are no more certain than the four."""
    values = np.array([0.0, 1.0, 2.0, 3.0])
    assert bootstrap_mean(np.tile(values, 10), np.tile(np.arange(4), 10)) == pytest.approx(
        bootstrap_mean(values, np.arange(4))
    )
    assert bootstrap_mean(values, np.zeros(4, dtype=np.int64)) is None


def test_a_pair_beside_the_law() -> None:
    given = settings("λ constant", (64.0, 256.0))
    sigma = sigmas(given, noise=0.0)
    sigma[:, 1] *= 1.2
    found = pair(given, sigma, BLOCKS, 0, 1)
    assert found.predicted == pytest.approx(4**0.25)
    assert found.measured == pytest.approx(1.2 * 4**0.25)
    assert found.log_ratio == pytest.approx(math.log(1.2))
    assert (found.law, found.transfer) == ("warn", "fail")
    assert found.low == pytest.approx(found.measured)


def test_without_rates_a_pair_has_no_law() -> None:
    found = pair([Setting(64.0), Setting(128.0, 0.01, 0.0)], np.ones((2, 2)), np.arange(2), 0, 1)
    assert (found.predicted, found.log_ratio, found.law, found.transfer) == (None, None, None, "pass")


def test_the_law_by_hand() -> None:
    assert predict(Setting(256.0, 1e-3, 0.1), Setting(2048.0, 1e-3 / 8, 0.1 * 8**0.5)) == pytest.approx(1.0)
    assert predict(Setting(1.0, 1.0, 1.0), Setting(16.0, 4.0, 1.0)) == pytest.approx(2.0 * 8.0)
    assert law(Setting(16.0, 1.0, 1.0)) == pytest.approx(24.0)


@pytest.mark.parametrize(("ratio", "wanted"), [(0.0, "pass"), (-0.15, "pass"), (0.16, "warn"), (-0.36, "fail")])
def test_the_verdicts(ratio: float, wanted: str) -> None:
    assert verdict(ratio) == wanted


def test_the_steady_state_takes_the_mean_rate_where_it_is_known() -> None:
    assert Setting(64.0, 0.01, 0.1, 4000.0).steps_eta_lambda == pytest.approx(4.0)
    assert Setting(64.0, 0.01, 0.1, 4000.0, 0.005).steps_eta_lambda == pytest.approx(2.0)
    assert Setting(64.0, 0.01, None, 4000.0).steps_eta_lambda is None


def test_inflation() -> None:
    assert inflation(np.array([0.0, 1.0, 2.0]), np.array([0.0, -1.5, -3.0])) == math.inf
    assert inflation(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])) == pytest.approx(1.0)


@pytest.mark.parametrize("models", [3, 4, 6])
def test_the_interval_shown_covers_and_corrected_tests_keep_their_level(models: int) -> None:
    """700 intervals and 100 families that keep the law: three standard errors of the binomial law are allowed."""
    rates = measure(SIZES[models], families=100, seed=1)
    assert abs(rates.shown - 0.95) < 3.0 * math.sqrt(0.95 * 0.05 / 700)
    assert max(rates.blocks, rates.of_pairs) < 0.6  # why what is over blocks alone is not shown
    assert rates.corrected < 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 100)
    assert rates.corrected < rates.uncorrected
    assert rates.warned < min(rates.uncorrected, 0.10 + 3.0 * math.sqrt(0.10 * 0.90 / 100))


def test_the_p_value_is_scipys() -> None:
    given = settings("λ constant", WIDTHS)
    sigma = sigmas(given, layers=1)
    found = fit(given, sigma, np.zeros(1, dtype=np.int64)).drift
    assert found is not None
    said = stats.linregress(np.log([s.width for s in given]), np.log(sigma[0]))
    assert found.p_value(0.0) == pytest.approx(said.pvalue, rel=1e-9)
    assert found.p_value(found.value) == pytest.approx(1.0)


def test_holm_rejects_from_the_smallest_on() -> None:
    assert reject_by_holm([0.001, 0.02, 0.04, None]) == [True, True, True, False]
    assert reject_by_holm([0.02, 0.03]) == [True, True]
    assert reject_by_holm([0.03, 0.04]) == [False, False]
    assert reject_by_holm([None]) == [False]
    assert reject_by_holm([]) == []


def test_an_interval_narrower_than_rounding_holds_the_exact_value() -> None:
    """Models that keep the law to the last digit have an interval of 1e-7, beside 0.75 as often as around it."""
    assert Estimate(0.75000002, 0.75000001, 0.75000003).agrees(0.75) is True
    assert Estimate(0.752, 0.7519, 0.7521).agrees(0.75) is False
