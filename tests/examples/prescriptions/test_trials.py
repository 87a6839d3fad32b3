import json

import pytest
from scipy.stats import ttest_rel

from examples.prescriptions.trials import Interval, Outcome, Trial, interval, outcome_of, outcomes


def test_the_interval_is_the_paired_t_tests() -> None:
    one, two = [1.0, 1.4, 1.1], [1.2, 1.3, 1.6]
    found = Outcome("m", "s", "u", {"a": tuple(one), "b": tuple(two)}, 0).difference("a", "b")
    wanted = ttest_rel(one, two).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.mean == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([-1.0, -1.1, -0.9], "better"), ([1.0, 1.1, 0.9], "worse"), ([1.0, -1.0, 0.1], "no clear difference")],
)
def test_the_verdict_follows_the_interval(values: list[float], verdict: str) -> None:
    assert interval(values).verdict == verdict


def test_the_same_values_have_an_interval_of_no_length() -> None:
    assert interval([0.5, 0.5]) == Interval(0.5, 0.5, 0.5)


def test_trials_are_gathered_by_setting_in_the_order_of_the_seeds() -> None:
    seeds = [[Trial(name, {"a": seed, "b": 2.0 * seed}, seed == 1.0) for name in "xy"] for seed in (0.0, 1.0, 2.0)]
    found = outcomes("m", "u", seeds)
    assert [each.setting for each in found] == ["x", "y"]
    assert found[0].scores == {"a": (0.0, 1.0, 2.0), "b": (0.0, 2.0, 4.0)}
    assert found[0].doubted == 1
    assert outcome_of(json.loads(json.dumps(found[1].to_json()))) == found[1]


def test_seeds_with_other_settings_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="zip"):
        outcomes("m", "u", [[Trial("x", {"a": 1.0})], []])
