"""A policy: rules over what a report says of a model's layers. Reading, JSON Schema and writing come from one model."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from analysis.diagnostic import Option, Scalar, Scope, groups
from analysis.diagnostics import DIAGNOSTICS, diagnostic, requests
from analysis.errors import OptionError, escape
from analysis.gate.bounds import Bound
from analysis.gate.fields import Model, closest, fault, hint, mapping_of, refuse, text_of
from analysis.gate.metrics import SHARES, Metric
from analysis.gate.rule import IfMissing, Missing, Rule, RuleSeverity, one_of

MOST_RULES = 200
MOST_GLOBS = 200  # of all rules together: each is held against every layer
LEAST_READ = 0.9  # share of the weights' parameters, where no rule says how much of the file must be read


def option_schema(option: Option) -> dict[str, Any]:
    """An option as JSON Schema."""
    fields: dict[str, Any] = {"description": option.meaning, "default": option.default}
    if option.choices:
        return {**fields, "enum": list(option.choices)}
    match option.default:
        case bool():
            return {**fields, "type": "boolean"}
        case int() | float():
            bounds = {"minimum": option.minimum, "maximum": option.maximum}
            kind = "integer" if isinstance(option.default, int) else "number"
            return {**fields, "type": kind, **{name: end for name, end in bounds.items() if end is not None}}
        case _:
            return {**fields, "type": "string"}


def _measure_schema(schema: dict[str, Any]) -> None:
    schema["additionalProperties"] = False
    schema["properties"] = {
        entry.name: {
            "type": "object",
            "title": entry.title,
            "properties": {option.name: option_schema(option) for option in entry.options},
            "additionalProperties": False,
        }
        for entry in DIAGNOSTICS
    }


class Policy(Model):
    """Rules over what the spectra of a model's weights say. docs/ci.md explains them."""

    model_config = ConfigDict(title="Eigenscope policy")

    version: Annotated[Literal[1], hint("write version: 1")] = 1
    missing: IfMissing = Field(
        Missing.INSUFFICIENT, description="What a rule says where there is not enough to judge by."
    )
    insufficient: Annotated[Literal[Missing.PASS, Missing.FAIL], one_of(("pass", "fail"))] = Field(
        Missing.FAIL, description="What insufficient counts as."
    )
    rules: tuple[Rule, ...] = Field(json_schema_extra={"minItems": 1, "maxItems": MOST_RULES})
    measure: Mapping[str, Mapping[str, Any]] = Field(
        {},
        validate_default=True,
        description="Diagnostics with their options. Those that rules are about are measured in any case.",
        json_schema_extra=_measure_schema,
    )

    @field_validator("version", mode="before")
    @classmethod
    def _number(cls, version: object) -> object:
        return None if isinstance(version, bool) else version

    @field_validator("rules", mode="before")
    @classmethod
    def _list(cls, rules: object) -> object:
        if not isinstance(rules, list) or not 1 <= len(rules) <= MOST_RULES:
            raise refuse(RULES)
        return rules

    @field_validator("rules")
    @classmethod
    def _complete(cls, rules: tuple[Rule, ...], info: Any) -> tuple[Rule, ...]:
        """With a name for each, and the policy's `missing` where a rule states none."""
        default = info.data.get("missing", Missing.INSUFFICIENT)
        return tuple(_complete(rule, number, default) for number, rule in enumerate(rules, 1))

    @field_validator("measure", mode="before")
    @classmethod
    def _settings(cls, asked: object, info: Any) -> dict[str, dict[str, Scalar]]:
        """Every diagnostic that is asked for or that a rule is about, with all its options."""
        fields = mapping_of(asked, [entry.name for entry in DIAGNOSTICS], keep_empty=True)
        names = dict.fromkeys([*fields, *names_of(info.data.get("rules", ()))])
        return {name: _settings(name, {} if fields.get(name) is None else fields[name]) for name in names}

    @model_validator(mode="after")
    def _names_differ(self) -> "Policy":
        names = [rule.name for rule in self.rules]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise fault(f": two rules have the name {escape(double)!r}; give each a name of its own")
        return self

    @property
    def needs_base(self) -> bool:
        """Whether a rule asks what a training did to its base."""
        return any(diagnostic(name).scope is not Scope.ONE for name in self.measure)

    @property
    def needs_baseline(self) -> bool:
        return any(rule.regression is not None for rule in self.rules)

    @model_validator(mode="after")
    def _globs_are_few(self) -> "Policy":
        count = sum(rule.layers.globs for rule in self.rules)
        if count > MOST_GLOBS:
            raise fault(f": its rules have {count} globs, and at most {MOST_GLOBS} are allowed: name roles or depths")
        return self

    @property
    def standing(self) -> tuple[Rule, ...]:
        """The rules over the file's coverage that are judged where none of the policy's closes the gate on the same."""
        own_keys = {rule.metric.key for rule in self.rules if rule.severity is RuleSeverity.ERROR}
        return tuple(rule for rule in STANDING if rule.metric.key not in own_keys)

    def diagnostics(self, checkpoints: int) -> dict[str, dict[str, Scalar]]:
        """What a run over so many checkpoints is asked for: what the rules need of what it can measure."""
        can = {
            name: dict(options) for name, options in self.measure.items() if groups(diagnostic(name).scope, checkpoints)
        }
        return can or {request.diagnostic.name: dict(request.options) for request in requests(None, checkpoints)}

    def to_json(self) -> dict[str, Any]:
        """The policy with nothing left to defaults: read again it is the same."""
        fields = self.model_dump(mode="json", exclude={"rules"})
        return {**fields, "rules": [rule.to_json() for rule in self.rules]}


STANDING = (
    Rule.model_validate(
        {"name": "the file was read", "summary": "coverage.parameters", "min": LEAST_READ, "missing": "fail"}
    ),
    Rule.model_validate(
        {"name": "every weight was measured", "summary": "coverage.unmeasured", "max": 0, "missing": "fail"}
    ),
)
ALL_WARN = "every rule of the policy only warns, so that nothing but the coverage can close the gate"
RULES = f"give a list of 1 to {MOST_RULES} rules"


def _complete(rule: Rule, number: int, missing: Missing) -> Rule:
    name = rule.name or f"{number}: {rule.metric.key}"
    return rule.model_copy(
        update={"name": name, "missing": rule.missing if "missing" in rule.model_fields_set else missing}
    )


def _settings(name: str, options: object) -> dict[str, Scalar]:
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise fault(f", {name}: {text_of(options)} is not valid; write its options, or {{}}")
    try:
        return dict(diagnostic(name).settings(options))
    except OptionError as error:
        raise fault(f", {name}: {error}") from error


def names_of(rules: Sequence[Rule]) -> list[str]:
    """The diagnostics that these rules are about, in their order."""
    return list(dict.fromkeys(rule.metric.diagnostic for rule in rules if rule.metric.diagnostic != "coverage"))


# --- rules that no report can break, which look like a gate that is shut ---------------------------------------------


def why_constant(rule: Rule) -> str:
    """Why the rule says the same of every model, as a sentence; empty where it does not.

    >>> why_constant(Rule.model_validate({"summary": "esd.share_usual", "min": 0}))
    'No value can break this rule: it is always from 0 to 1.'
    """
    span = _span(rule)
    if rule.bound is not None and span is not None and _holds_all(rule.bound, *span):
        low, high = span
        return f"No value can break this rule: it is always {Bound.model_validate(_ends(low, high)).words()}."
    wanted = rule.where.equals if rule.where is not None else None
    choices = () if rule.metric.column is None else rule.metric.column.choices
    if isinstance(wanted, str) and choices and wanted not in choices:
        words = ", ".join(word for word in choices if word)
        return f"{rule.metric.key} is never “{wanted}”{_proposal(wanted, choices)}: it is one of {words}."
    return ""


def notes(policy: Policy) -> list[str]:
    """What people should know of a policy before they rely on it, a sentence each."""
    found = [f"{rule.name}: {why}" for rule in policy.rules if (why := why_constant(rule))]
    return [*found, *([f"{ALL_WARN[0].upper()}{ALL_WARN[1:]}."] if only_warns(policy) else [])]


def only_warns(policy: Policy) -> bool:
    return all(rule.severity is RuleSeverity.WARN for rule in policy.rules)


def _span(rule: Rule) -> tuple[float, float] | None:
    """Between which values the rule's number lies whatever the report; None where that is not known."""
    if rule.aggregate == "share" or _is_share(rule.metric):
        return 0.0, 1.0
    if rule.aggregate == "count" or rule.metric.key == "coverage.unmeasured":
        return 0.0, math.inf
    return None


def _is_share(metric: Metric) -> bool:
    owner, name = metric.diagnostic, metric.name
    return metric.column is None and (name.startswith("share_") or (owner == "coverage" and name in SHARES))


def _holds_all(bound: Bound, low: float, high: float) -> bool:
    """Whether the bound holds for both ends, and so for all between; of no upper end a bound above says nothing."""
    open_end = high if math.isfinite(high) else low
    return bound.holds(low) and bound.holds(open_end) and (math.isfinite(high) or _has_no_upper_end(bound))


def _has_no_upper_end(bound: Bound) -> bool:
    return bound.maximum is None and bound.below is None and bound.equals is None


def _ends(low: float, high: float) -> dict[str, float]:
    return {"min": low} if math.isinf(high) else {"min": low, "max": high}


def _proposal(word: str, choices: Sequence[str]) -> str:
    near = closest(word, choices)
    return f" (did you mean “{near}”?)" if near else ""
