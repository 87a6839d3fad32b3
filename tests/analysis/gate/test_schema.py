"""The JSON Schema, held against jsonschema: it takes what the reader takes, and refuses what it refuses."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from analysis.errors import PolicyError
from analysis.gate.metrics import columns, summaries
from analysis.gate.reading import policy_of
from analysis.gate.schema import schema
from analysis.gate.starter import starter
from tests.analysis.gate.test_reading import ALPHA, WRONG

VALIDATOR = Draft202012Validator(schema())

GOOD: list[dict[str, Any]] = [
    {"rules": [ALPHA]},
    {"version": 1, "insufficient": "pass", "missing": "fail", "measure": {"esd": {"leave_out": 1}}, "rules": [ALPHA]},
    {"rules": [{"column": "esd.alpha", "between": [2, 6], "aggregate": "p95", "weak": "drop", "rows": 3}]},
    {"rules": [{"column": "esd.alpha", "max_regression": "10%"}]},
    {"rules": [{"column": "norms.sv_max", "max_regression": 0.5, "better": "lower"}]},
    {"rules": [{"column": "esd.warning", "equals": "", "aggregate": "any"}]},
    {"rules": [{"column": "esd.warning", "aggregate": "count", "where": {"equals": "over-trained"}, "max": 2}]},
    {"rules": [{"column": "esd.alpha", "aggregate": "count", "where": {"above": 6}, "max_regression": 1,
                "better": "lower"}]},
    {"rules": [{"column": "esd.alpha", "aggregate": "share", "where": {"between": [2, 6]}, "min": 0.8}]},
    {"rules": [{"column": "esd.alpha", "max_regression": "10%", "no_baseline": "pass"}]},
    {"rules": [{"summary": "coverage.unmeasured", "max": 0}]},
    {"rules": [{"summary": "intruders.intruders", "max": 0, "checkpoint": "last"}]},
    {"rules": [{**ALPHA, "layers": {"name": "*q*", "except": ["a", "b"], "role": ["q"], "depth": [0, 3]}}]},
    {"rules": [{**ALPHA, "layers": {"depth": 3}, "checkpoint": 1, "coverage": 0.9, "severity": "warn"}]},
]  # fmt: skip

# What a schema cannot see, or an editor's user would not thank it for.
UNSEEN = (
    "two rules have the name", "no value satisfies min and max", "the smaller first", "write the first and the last",
    "or the first and the last such as", "equals: ", "min: nan", "min: inf",
)  # fmt: skip


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("policy", [*GOOD, yaml.safe_load(starter())])
def test_what_is_right_is_valid_and_so_is_what_the_reader_makes_of_it(policy: dict[str, Any]) -> None:
    VALIDATOR.validate(policy)
    VALIDATOR.validate(policy_of(policy).to_json())


@pytest.mark.parametrize(("policy", "said"), WRONG)
def test_what_is_wrong_is_invalid(policy: object, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy_of(policy)
    if not any(each in str(refused.value) for each in UNSEEN):
        bare = _without_none(policy)
        assert not VALIDATOR.is_valid(bare), bare


def _without_none(policy: object) -> object:
    """YAML's empty value is as if the key were not there; the schema would have to say so everywhere."""
    if isinstance(policy, dict):
        return {key: _without_none(value) for key, value in policy.items() if value is not None}
    return [_without_none(each) for each in policy] if isinstance(policy, list) else policy


def test_names_are_the_registry_s() -> None:
    rule = schema()["$defs"]["Rule"]["properties"]
    assert rule["column"]["enum"] == list(columns())
    assert rule["summary"]["enum"] == list(summaries())
