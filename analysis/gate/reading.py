"""A policy out of a plain value. An error names the rule, the key, the value and what to write instead."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from analysis.errors import PolicyError, escape
from analysis.gate.fields import text_of
from analysis.gate.policy import RULES, Policy

MOST_ERRORS = 5


def policy_of(asked: object) -> Policy:
    """The policy that this JSON-like value states. Raises PolicyError, which names up to five faults."""
    try:
        return Policy.model_validate(asked)
    except ValidationError as error:
        sentences = list(dict.fromkeys(_sentence(problem, asked) for problem in error.errors(include_url=False)))
        raise PolicyError("\n".join(sentences[:MOST_ERRORS])) from None


def _sentence(error: ErrorDetails, asked: object) -> str:
    place, context = _place(error["loc"], asked), error.get("ctx", {})
    if "sentence" in context:
        return f"{place}{context['sentence']}"
    if error["type"] == "missing":
        return f"{place}: it is missing; {RULES}"
    value = error["input"]
    for key in context.get("keys", ()):
        place, value = f"{place}, {key}", value[key]
    return f"{place}: {text_of(value)} is not valid; {context.get('do', RULES)}"


def _place(path: tuple[int | str, ...], asked: object) -> str:
    """Where in the policy: "rule 2 'no worse', layers, depth"."""
    match path:
        case ("rules", int(number), *rest):
            name = _name(asked, number)
            start = f"rule {number + 1}" + ("" if name is None else f" {escape(name)!r}")
        case ("measure", *rest):
            start = "measure"
        case _:
            start, rest = "the policy", list(path)
    return ", ".join([start, *map(str, rest)])


def _name(asked: object, number: int) -> str | None:
    rules: Any = asked.get("rules") if isinstance(asked, Mapping) else None
    name = rules[number].get("name") if isinstance(rules[number], Mapping) else None
    return name if isinstance(name, str) else None
