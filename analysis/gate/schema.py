"""The JSON Schema of a policy, out of the registry: editors complete and check `eigenscope.yml` with it.

What it refuses `policy_of` refuses too; what only `policy_of` can see, such as two rules of one name, it lets through.
"""

from typing import Any

from analysis.diagnostic import Option
from analysis.diagnostics import DIAGNOSTICS
from analysis.gate.metrics import Metric, columns, summaries, weak_flagged
from analysis.gate.policy import AGGREGATES, PER_LAYER, VERSION, WHICH, Better, Missing, Severity
from analysis.gate.reading import LARGEST_DEPTH, LONGEST, MOST_GLOBS, MOST_RULES, PERCENT
from analysis.names import ROLES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NUMBER = {"type": "number", "exclusiveMinimum": -1e300, "exclusiveMaximum": 1e300}
DEPTH = {"type": "integer", "minimum": 0, "maximum": LARGEST_DEPTH}
PAIR = {"type": "array", "minItems": 2, "maxItems": 2}
TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST}
UNDECLARED = [str(each) for each in Better if each is not Better.INSIDE]
ENDS = ("min", "max", "above", "below")


def schema() -> dict[str, Any]:
    """The schema of a whole policy."""
    missing = _choice(Missing, "What a rule says where there is not enough to judge by.")
    properties = {
        "version": {"const": VERSION},
        "measure": _measure(),
        "missing": {**missing, "default": "insufficient"},
        "insufficient": {"enum": ["pass", "fail"], "default": "fail", "description": "What insufficient counts as."},
        "rules": {"type": "array", "minItems": 1, "maxItems": MOST_RULES, "items": {"$ref": "#/$defs/rule"}},
    }
    return {
        "$schema": DIALECT,
        "title": "Eigenscope policy",
        "description": "Rules over what the spectra of a model's weights say. docs/ci.md explains them.",
        "type": "object",
        "properties": properties,
        "required": ["rules"],
        "additionalProperties": False,
        "$defs": {"bound": _bound(), "rule": _rule(missing), "text": TEXT, "texts": _texts(TEXT)},
    }


def _choice(kind: type[Missing] | type[Severity] | type[Better], description: str) -> dict[str, Any]:
    return {"enum": [str(each) for each in kind], "description": description}


def _texts(one: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [one, {"type": "array", "maxItems": MOST_GLOBS, "items": one}]}


def _measure() -> dict[str, Any]:
    """Diagnostics with their options, as a run takes them."""
    named = {
        each.name: {
            "type": "object",
            "title": each.title,
            "properties": {option.name: option_schema(option) for option in each.options},
            "additionalProperties": False,
        }
        for each in DIAGNOSTICS
    }
    said = "Diagnostics with their options. Those that rules are about are measured in any case."
    return {"type": "object", "description": said, "properties": named, "additionalProperties": False}


def option_schema(option: Option) -> dict[str, Any]:
    """An option as JSON Schema."""
    told: dict[str, Any] = {"description": option.meaning, "default": option.default}
    if option.choices:
        return {**told, "enum": list(option.choices)}
    match option.default:
        case bool():
            return {**told, "type": "boolean"}
        case int() | float():
            bounds = {"minimum": option.minimum, "maximum": option.maximum}
            kind = "integer" if isinstance(option.default, int) else "number"
            return {**told, "type": kind, **{name: bound for name, bound in bounds.items() if bound is not None}}
        case _:
            return {**told, "type": "string"}


def _ends() -> dict[str, Any]:
    ordered = {**PAIR, "items": NUMBER, "description": "The smallest and the largest that is right."}
    equals = {"type": ["number", "string", "boolean"], "maxLength": LONGEST, "description": "Of a text or a flag."}
    words = {"min": "The least", "max": "The most", "above": "More than this", "below": "Less than this"}
    return {**{end: {**NUMBER, "description": words[end]} for end in ENDS}, "between": ordered, "equals": equals}


def _bound() -> dict[str, Any]:
    one = [{"required": [end]} for end in (*ENDS, "between", "equals")]
    return {"type": "object", "properties": _ends(), "additionalProperties": False, "anyOf": one, **_single_bounds()}


def _single_bounds() -> dict[str, Any]:
    """`between` and `equals` stand alone."""
    others = dict.fromkeys(ENDS, False)
    return {
        "dependentSchemas": {
            "between": {"properties": {**others, "equals": False}},
            "equals": {"properties": {**others, "between": False}},
        }
    }


def _rule(missing: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "name": {**TEXT, "description": "What reports call it; no two the same."},
        "column": {"enum": list(columns()), "description": "A value of each layer."},
        "summary": {"enum": list(summaries()), "description": "A number of the whole model."},
        "layers": _layers(),
        "checkpoint": _checkpoint(),
        "aggregate": {"enum": list(AGGREGATES), "default": "all"},
        "where": {"$ref": "#/$defs/bound", "description": "What aggregate: count counts."},
        **_ends(),
        "max_regression": {
            "anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1e300}, _percent()],
            "description": "How much worse than the baseline's: in the column's unit, or a share of it.",
        },
        "better": _choice(Better, "Which way is better; of a column with a healthy range, inside is the default."),
        "severity": {**_choice(Severity, "Whether breaking it closes the gate."), "default": "error"},
        "missing": missing,
        "rows": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1_000_000,
            "description": "The fewest layers to judge by.",
        },
        "coverage": {"type": "number", "minimum": 0, "maximum": 1, "description": "The least share with a value."},
        "weak": {"enum": ["keep", "drop"], "default": "keep", "description": "Whether weak fits count."},
    }
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": ["column"]}, {"required": ["summary"]}],
        "anyOf": [{"required": [key]} for key in (*ENDS, "between", "equals", "max_regression")],
        "allOf": _conditions(),
        **_single_bounds(),
    }


def _percent() -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{PERCENT.pattern}$", "examples": ["10%"]}


def _layers() -> dict[str, Any]:
    depth = {"anyOf": [DEPTH, {**PAIR, "items": DEPTH}], "description": "A block, or the first and the last."}
    roles = _texts({"enum": list(ROLES)})
    named = {"name": "Globs over the weight's name.", "except": "Globs of what is left out."}
    properties = {key: {"$ref": "#/$defs/texts", "description": said} for key, said in named.items()}
    return {
        "type": "object",
        "properties": {**properties, "role": roles, "depth": depth},
        "additionalProperties": False,
    }


def _checkpoint() -> dict[str, Any]:
    place = {"type": "integer", "minimum": 0, "maximum": LARGEST_DEPTH - 1}
    said = f"Of a comparison: {', '.join(WHICH)}, a place in the run, or a name. Left out: all but the base."
    return {"anyOf": [place, {"$ref": "#/$defs/text"}], "description": said}


def _conditions() -> list[dict[str, Any]]:
    """What hangs on what."""
    counts = {"properties": {"aggregate": {"const": "count"}}, "required": ["aggregate"]}
    words = {"column": {"enum": [key for key, metric in columns().items() if not metric.numeric]}}
    ends = dict.fromkeys((*ENDS, "between", "max_regression"), False)
    weak = {"column": {"enum": [key for key, metric in columns().items() if _weak(metric)]}}
    declared = {"column": {"enum": [key for key, metric in columns().items() if metric.healthy]}}
    regresses = {"required": ["max_regression"]}
    return [
        {"if": counts, "then": {"required": ["where"]}, "else": {"properties": {"where": False}}},
        {"if": {"required": ["summary"]}, "then": {"properties": {"aggregate": {"const": "all"}, "layers": False}}},
        {
            "if": {"properties": words, "required": ["column"]},
            "then": {"properties": {"aggregate": {"enum": [*PER_LAYER, "count"]}}},
        },
        {
            "if": {"properties": words, "required": ["column"], "not": counts},
            "then": {"properties": ends},
        },
        {"if": regresses, "then": {"properties": dict.fromkeys((*ENDS, "between", "equals"), False)},
         "else": {"properties": {"better": False}}},
        {
            "if": {"properties": declared, "required": ["column", "max_regression"], "not": counts},
            "else": {"if": regresses, "then": {"required": ["better"], "properties": {"better": {"enum": UNDECLARED}}}},
        },
        {"if": {"properties": {"weak": {"const": "drop"}}, "required": ["weak"]},
         "then": {"properties": weak, "required": ["column"]}},
    ]  # fmt: skip


def _weak(metric: Metric) -> bool:
    return weak_flagged(metric.diagnostic)
