"""What hangs on what in a policy, as JSON Schema says it; `analysis.gate.rule` checks the same on values."""

from typing import Any

from analysis.gate.metrics import columns, weak_flagged

ENDS = ("min", "max", "above", "below")
BOUNDS = (*ENDS, "between", "equals")
PER_LAYER, COUNTING = ("all", "any"), ("count", "share")
UNDECLARED = ("lower", "higher", "same")


def bound_conditions(schema: dict[str, Any]) -> None:
    """At least one end; `between` and `equals` stand alone."""
    schema["anyOf"] = [{"required": [key]} for key in BOUNDS]
    schema["dependentSchemas"] = _single_bounds()


def rule_conditions(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": ["column"]}, {"required": ["summary"]}]
    schema["anyOf"] = [{"required": [key]} for key in (*BOUNDS, "max_regression")]
    schema["allOf"] = _conditions()
    schema["dependentSchemas"] = _single_bounds()


def _single_bounds() -> dict[str, Any]:
    no_ends = dict.fromkeys(ENDS, False)
    return {
        "between": {"properties": {**no_ends, "equals": False}},
        "equals": {"properties": {**no_ends, "between": False}},
    }


def _within_one() -> dict[str, Any]:
    share = {"minimum": 0, "maximum": 1}
    return {**dict.fromkeys(ENDS, share), "between": {"items": share}}


def _conditions() -> list[dict[str, Any]]:
    counts = {"properties": {"aggregate": {"enum": list(COUNTING)}}, "required": ["aggregate"]}
    words = {"column": {"enum": [key for key, metric in columns().items() if not metric.numeric]}}
    ends = dict.fromkeys((*ENDS, "between", "max_regression"), False)
    weak = {"column": {"enum": [key for key, metric in columns().items() if weak_flagged(metric.diagnostic)]}}
    is_declared = {"column": {"enum": [key for key, metric in columns().items() if metric.usual]}}
    regresses = {"required": ["max_regression"]}
    return [
        {"if": counts, "then": {"required": ["where"]}, "else": {"properties": {"where": False}}},
        {"if": {"required": ["summary"]}, "then": {"properties": {"aggregate": {"const": "all"}, "layers": False}}},
        {"if": {"properties": words, "required": ["column"]},
         "then": {"properties": {"aggregate": {"enum": [*PER_LAYER, *COUNTING]}}}},
        {"if": {"properties": words, "required": ["column"], "not": counts}, "then": {"properties": ends}},
        {"if": regresses, "then": {"properties": dict.fromkeys(BOUNDS, False)},
         "else": {"properties": {"better": False, "no_baseline": False}}},
        {"if": {"properties": {"aggregate": {"const": "share"}}, "required": ["aggregate"]},
         "then": {"properties": _within_one()}},
        {"if": {"properties": is_declared, "required": ["column", "max_regression"], "not": counts},
         "else": {"if": regresses,
                  "then": {"required": ["better"], "properties": {"better": {"enum": list(UNDECLARED)}}}}},
        {"if": {"properties": {"weak": {"const": "drop"}}, "required": ["weak"]},
         "then": {"properties": weak, "required": ["column"]}},
    ]  # fmt: skip
