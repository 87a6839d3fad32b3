"""Policies as values: which layers they are about, where a bound ends, what a regression is."""

import pytest

from analysis.gate.policy import Better, Bound, Layers, Regression
from analysis.gate.reading import policy_of


@pytest.mark.parametrize(
    ("layers", "matches"),
    [
        (Layers(), True),
        (Layers(names=("*.q_proj.*",)), True),
        (Layers(names=("*.k_proj.*", "model.layers.3.*")), True),
        (Layers(names=("*.Q_PROJ.*",)), False),
        (Layers(without=("*.q_proj.*",)), False),
        (Layers(roles=("k", "v")), False),
        (Layers(depth=(0, 3)), True),
        (Layers(depth=(4, 9)), False),
        (Layers(names=("*q_proj*",), roles=("q",), depth=(3, 3)), True),
        (Layers(names=("*q_proj*",), roles=("k",), depth=(3, 3)), False),
    ],
)
def test_layers_are_those_that_every_condition_holds_for(layers: Layers, matches: bool) -> None:
    assert layers.match("model.layers.3.self_attn.q_proj.weight", "q", 3) is matches


def test_outside_the_blocks_there_is_no_depth() -> None:
    assert not Layers(depth=(0, 100)).match("lm_head.weight", "head", None)


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        (Bound(minimum=2.0), 2.0, 1.999),
        (Bound(above=2.0), 2.001, 2.0),
        (Bound(maximum=6.0), 6.0, 6.001),
        (Bound(below=6.0), 5.999, 6.0),
        (Bound(minimum=2.0, maximum=6.0), 4.0, 7.0),
        (Bound(equals=True), True, False),
        (Bound(equals="under-trained"), "under-trained", ""),
        (Bound(equals=1), 1.0, True),
    ],
)
def test_a_bound_holds_up_to_its_ends(bound: Bound, inside: float, outside: float) -> None:
    assert bound.holds(inside)
    assert not bound.holds(outside)


def test_how_far_outside() -> None:
    bound = Bound(minimum=2.0, maximum=6.0)
    assert [bound.outside(value) for value in (1.5, 2.0, 4.0, 6.0, 9.0)] == [0.5, 0.0, 0.0, 0.0, 3.0]
    assert not bound.holds(None)
    assert not bound.holds("4")


@pytest.mark.parametrize(
    ("better", "value", "worse"),
    [
        (Better.LOWER, 5.0, 1.0),
        (Better.HIGHER, 5.0, -1.0),
        (Better.SAME, 3.0, 1.0),
        (Better.INSIDE, 5.0, 0.0),  # both within 2 to 6
        (Better.INSIDE, 7.5, 1.5),
        (Better.INSIDE, 1.0, 1.0),
    ],
)
def test_which_way_is_worse(better: Better, value: float, worse: float) -> None:
    assert Regression(0.0, False, better, (2.0, 6.0)).worse(value, 4.0) == worse


def test_from_outside_the_range_towards_it_is_better() -> None:
    assert Regression(0.0, False, Better.INSIDE, (2.0, 6.0)).worse(7.0, 8.0) == -1.0


def test_a_share_is_of_the_baseline() -> None:
    lower = Regression(0.1, True, Better.LOWER)
    assert lower.beyond(10.9, 10.0) < 0.0 < lower.beyond(11.1, 10.0)
    assert lower.beyond(-9.1, -10.0) < 0.0 < lower.beyond(-8.9, -10.0)
    assert lower.beyond(0.0, 0.0) == 0.0 < lower.beyond(1e-9, 0.0)


def test_a_run_is_asked_for_what_the_rules_need_and_its_checkpoints_allow() -> None:
    policy = policy_of({"rules": [{"column": "intruders.count", "max": 0}, {"column": "esd.alpha", "min": 2}],
                        "measure": {"intruders": {"k": 7}}})  # fmt: skip
    assert policy.needs_base
    assert list(policy.diagnostics(1)) == ["esd"]
    assert list(policy.diagnostics(2)) == ["intruders", "esd"]
    assert policy.diagnostics(2)["intruders"]["k"] == 7
    alone = policy_of({"rules": [{"summary": "coverage.tensors", "min": 0}]})
    assert not alone.needs_base
    assert list(alone.diagnostics(1)) == ["esd", "norms"]


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
