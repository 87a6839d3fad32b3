"""The conditions by themselves: what each forbids, held against jsonschema. All of them together: test_schema.py."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from analysis.gate.conditions import bound_conditions, rule_conditions

RULE: dict[str, Any] = {}
BOUND: dict[str, Any] = {}
rule_conditions(RULE)
bound_conditions(BOUND)


@pytest.mark.parametrize(
    ("rule", "valid"),
    [
        ({"column": "esd.alpha", "min": 2}, True),
        ({"column": "esd.alpha"}, False),
        ({"column": "esd.alpha", "summary": "esd.fitted", "min": 2}, False),
        ({"column": "esd.alpha", "min": 2, "max_regression": 1}, False),
        ({"column": "norms.sv_max", "max_regression": 1}, False),
        ({"column": "norms.sv_max", "max_regression": 1, "better": "lower"}, True),
        ({"column": "norms.sv_max", "max_regression": 1, "better": "inside"}, False),
        ({"column": "esd.alpha", "aggregate": "count", "max": 3}, False),
        ({"column": "esd.alpha", "aggregate": "count", "max": 3, "where": {"min": 6}}, True),
        ({"summary": "esd.fitted", "min": 2, "layers": {}}, False),
        ({"column": "esd.warning", "min": 2}, False),
        ({"column": "norms.sv_max", "min": 2, "weak": "drop"}, False),
    ],
)
def test_of_a_rule(rule: dict[str, Any], valid: bool) -> None:
    assert Draft202012Validator(RULE).is_valid(rule) is valid


@pytest.mark.parametrize(
    ("bound", "valid"), [({}, False), ({"min": 1, "max": 2}, True), ({"between": [1, 2], "min": 1}, False)]
)
def test_of_a_bound(bound: dict[str, Any], valid: bool) -> None:
    assert Draft202012Validator(BOUND).is_valid(bound) is valid
