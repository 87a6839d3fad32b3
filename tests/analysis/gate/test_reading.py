"""Policies out of plain dicts: what is wrong is refused, with the rule, the key, the value and what to do."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import PolicyError
from analysis.gate.bounds import Bound
from analysis.gate.policy import MOST_RULES
from analysis.gate.reading import policy_of
from analysis.gate.rule import Layers, Missing, Rule, RuleSeverity

ALPHA = {"column": "esd.alpha", "min": 2}


def test_a_rule_with_every_key() -> None:
    (rule,) = policy_of(
        {
            "version": 1,
            "missing": "pass",
            "rules": [{
                "name": "typical", "column": "esd.alpha", "aggregate": "median", "between": [2, 6], "weak": "drop",
                "layers": {"name": "*attn*", "except": ["*o_proj*"], "role": ["q", "k"], "depth": [0, 5]},
                "checkpoint": "last", "severity": "warn", "rows": 5, "coverage": 0.9,
            }],
        }
    ).rules  # fmt: skip
    assert (rule.name, rule.aggregate, rule.checkpoint, rule.rows, rule.coverage) == (
        "typical",
        "median",
        "last",
        5,
        0.9,
    )
    assert (rule.severity, rule.missing, rule.drop_weak) == (RuleSeverity.WARN, Missing.PASS, True)
    assert rule.bound == Bound(min=2.0, max=6.0)
    assert rule.layers == Layers.model_validate(
        {"name": ["*attn*"], "except": ["*o_proj*"], "role": ["q", "k"], "depth": [0, 5]}
    )


def test_what_is_left_out_has_a_default() -> None:
    (rule,) = policy_of({"rules": [ALPHA]}).rules
    assert (rule.name, rule.aggregate, rule.severity, rule.missing) == ("1: esd.alpha", "all", "error", "insufficient")
    assert policy_of({"rules": [ALPHA]}).insufficient is Missing.FAIL


def with_(**keys: Any) -> dict[str, Any]:
    return {"rules": [{**ALPHA, **keys}]}


WRONG: list[tuple[object, str]] = [
    (None, "the policy: None is not a mapping"),
    ([], "the policy: [] is not a mapping"),
    ({}, "the policy, rules: it is missing; give a list of 1 to 200 rules"),
    ({"rules": []}, "the policy, rules: [] is not valid"),
    ({"rules": [ALPHA] * (MOST_RULES + 1)}, "give a list of 1 to 200 rules"),
    ({"rules": [ALPHA], "rulez": 1}, "the policy has no key 'rulez'; did you mean rules? It takes: version, missing"),
    ({"rules": [ALPHA], "version": 2}, "the policy, version: 2 is not valid; write version: 1"),
    ({"rules": ["x"]}, "rule 1: 'x' is not a mapping"),
    ({"rules": [{**ALPHA, "name": "a"}, {**ALPHA, "name": "a"}]}, "two rules have the name 'a'"),
    (with_(colour="red"), "rule 1 has no key 'colour'; did you mean column? It takes: name, column"),
    (with_(name=""), "rule 1 '', name: '' is not valid"),
    (with_(name="low", min="six"), "rule 1 'low', min: 'six' is not valid; write a number"),
    (with_(min=True), "min: True is not valid"),
    (with_(min=math.nan), "min: nan is not valid"),
    (with_(min=math.inf), "min: inf is not valid"),
    (with_(max=1), "rule 1, min: 2 is not valid; no value satisfies min and max"),
    (with_(between=[1, 2]), "min and between do not go together"),
    (with_(equals=3, min=None, between=[1, 2]), "equals and between"),
    (with_(min=None, between=[6, 2]), "between: [6, 2] is not valid; write two numbers, the smaller first: [2, 6]"),
    (with_(min=None), "rule 1: say what should hold"),
    (with_(max_regression=1), "rule 1: say what should hold, with either a bound"),
    (with_(better="lower"), "better: 'lower' is not valid; it belongs to max_regression"),
    (with_(column=None), "rule 1: say what it is about"),
    (with_(summary="esd.fitted"), "rule 1: say what it is about"),
    (with_(column="esd.alfa"), "rule 1, column: 'esd.alfa' is not valid; did you mean esd.alpha? There are: esd.alpha"),
    (with_(column="alpha"), "rule 1, column: 'alpha' is not valid; did you mean esd.alpha? There are: esd.…"),
    (with_(column="esd.share_usual"), "write summary: esd.share_usual instead of column: esd.share_usual"),
    (with_(summary="esd.alpha", column=None), "write column: esd.alpha instead of summary: esd.alpha"),
    (with_(min="1e1"), "rule 1, min: '1e1' is not valid; write a number: 10"),
    (with_(min="80%"), "rule 1, min: '80%' is not valid; write a number: 0.8"),
    (with_(layers={"role": ["query"]}), "['query'] is not valid; did you mean q? There are: q, k, v"),
    (with_(column="astrology.sign"), "there are: esd.…, norms.…"),
    (with_(column=7), "rule 1, column: 7 is not valid"),
    (with_(column="esd.eigenvalues"), "rule 1, column: 'esd.eigenvalues' is not valid"),
    (with_(aggregate="mode"), "aggregate: 'mode' is not valid; write one of all, any, mean"),
    (with_(aggregate=["all"]), "aggregate: ['all'] is not valid"),
    (with_(column="esd.warning", aggregate="mean"), "esd.warning is not a number: write all, any, count or share"),
    (with_(column="esd.warning"), "esd.warning is not a number: write equals"),
    (with_(column="esd.warning", min=None, equals=1), "equals: 1 is not valid; write a text"),
    (with_(column="esd.small_n", min=None, equals="yes"), "write true or false"),
    (with_(min=None, equals="yes"), "write a number"),
    (with_(aggregate="count"), "where: say what is counted"),
    (with_(aggregate="count", where={}), "rule 1, where: it is empty"),
    (with_(aggregate="count", where={"min": "x"}), "rule 1, where, min: 'x' is not valid"),
    (with_(aggregate="count", where={"equals": "x"}), "rule 1, where, equals: 'x' is not valid; write a number"),
    (with_(aggregate="count", where={"min": 3, "max": 1}), "rule 1, where, min: 3 is not valid; no value satisfies"),
    (with_(where={"min": 1}), "it says what aggregate: count or share counts"),
    (with_(aggregate="share", min=80, where={"min": 1}), "rule 1, min: 80 is not valid; a share lies from 0 to 1"),
    (with_(aggregate="share", min=None, between=[0, 2], where={"min": 1}), "between: [0, 2] is not valid; a share"),
    (with_(aggregate="share"), "where: say what is counted"),
    (with_(no_baseline="pass"), "no_baseline: 'pass' is not valid; it belongs to max_regression"),
    (with_(layers={"rolle": "q"}), "rule 1, layers has no key 'rolle'"),
    (with_(layers={"role": "queen"}), "rule 1, layers, role: 'queen' is not valid; did you mean q? There are: q, k, v"),
    (with_(layers={"name": 7}), "rule 1, layers, name: 7 is not valid"),
    (with_(layers={"name": "x" * 201}), "each of at most 200 characters"),
    (with_(layers={"depth": [5, 1]}), "rule 1, layers, depth: [5, 1] is not valid"),
    (with_(layers={"depth": -1}), "rule 1, layers, depth: -1 is not valid"),
    (with_(checkpoint=-1), "rule 1, checkpoint: -1 is not valid"),
    (with_(severity="fatal"), "severity: 'fatal' is not valid; write one of error, warn"),
    (with_(missing="maybe"), "missing: 'maybe' is not valid; write one of pass, fail, insufficient"),
    (with_(rows=0), "rows: 0 is not valid; write a whole number from 1 to 1,000,000"),
    (with_(rows=1.5), "write a whole number"),
    (with_(coverage=1.1), "coverage: 1.1 is not valid; write a number from 0 to 1"),
    (with_(column="norms.sv_max", weak="drop"), "norms has no column low_confidence"),
    (with_(summary="esd.fitted", column=None, aggregate="mean"), "a number of a summary is one number already"),
    (with_(summary="esd.fitted", column=None, layers={}), "a number of a summary is of all layers"),
    (with_(summary="esd.fitted", column=None, layers={"role": "q"}), "a number of a summary is of all layers"),
    ({"rules": [{"column": "norms.sv_max", "max_regression": 1}]}, "better: which way norms.sv_max gets better"),
    ({"rules": [{"column": "norms.sv_max", "max_regression": 1, "better": "inside"}]}, "declares no usual range"),
    ({"rules": [{"column": "esd.warning", "max_regression": 1}]}, "esd.warning is not a number"),
    ({"rules": [{"column": "esd.alpha", "max_regression": "ten"}]}, "write a number such as 0.5"),
    ({"rules": [{"column": "esd.alpha", "max_regression": -1}]}, "max_regression: -1 is not valid"),
    ({"rules": [ALPHA], "insufficient": "warn"}, "insufficient: 'warn' is not valid; write one of pass, fail"),
    ({"rules": [ALPHA], "measure": {"esp": {}}}, "measure has no key 'esp'"),
    ({"rules": [ALPHA], "measure": {"esd": 1}}, "measure, esd: 1 is not valid"),
    ({"rules": [ALPHA], "measure": {"esd": {"sign": "leo"}}}, "measure, esd: esd has no option sign"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "said"), WRONG)
def test_what_is_wrong_is_named(asked: object, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy_of(asked)
    assert said in str(refused.value)
    assert refused.value.code == "bad-policy"


def test_several_faults_are_named_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        policy_of({"rules": [{**ALPHA, "rows": 0, "weak": 1}, {**ALPHA, "colour": "red"}], "missing": "maybe"})
    places = [line.partition(":")[0] for line in str(refused.value).splitlines()]
    assert places == [
        "the policy, missing",
        "rule 1, rows",
        "rule 1, weak",
        "rule 2 has no key 'colour'; did you mean column? It takes",
    ]


def test_a_diagnostic_without_options_is_measured() -> None:
    assert list(policy_of({"rules": [ALPHA], "measure": {"norms": None}}).measure) == ["norms", "esd"]


def test_a_count_s_condition_is_named_as_it_was_written() -> None:
    with pytest.raises(PolicyError, match=r"rule 1, where, between: .* esd.warning is not a number"):
        policy_of(with_(column="esd.warning", aggregate="count", where={"between": [1, 2]}))


def test_hostile_text_is_repeated_escaped_and_short() -> None:
    with pytest.raises(PolicyError) as refused:
        policy_of({"rules": [{"\x1b[31m" + "x" * 10_000: 1}]})
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
KEYS = st.sampled_from(Rule.keys())


@given(st.dictionaries(KEYS, JSON | st.sampled_from(["esd.alpha", "esd.warning", "esd.fitted", "count"]), max_size=6))
def test_whatever_comes_is_a_policy_or_a_policy_error(rule: dict[str, Any]) -> None:
    try:
        policy = policy_of({"rules": [rule]})
    except PolicyError:
        return
    assert policy_of(policy.to_json()) == policy
