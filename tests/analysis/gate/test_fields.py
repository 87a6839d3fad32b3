"""The types of a policy's fields: what each takes, what it refuses, and what its error says to write."""

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from analysis.gate import fields
from analysis.gate.fields import Model, mapping_of


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        (fields.Number, 2, 2.0),
        (fields.Share, 1, 1.0),
        (fields.Rows, 5.0, 5),
        (fields.Name, "q", "q"),
        (fields.Texts, "q", ("q",)),
        (fields.Texts, ["q", "k"], ("q", "k")),
        (fields.Roles, "q", ("q",)),
        (fields.Blocks, 3, (3, 3)),
        (fields.Blocks, [0, 5], (0, 5)),
        (fields.Span, [2, 6], (2.0, 6.0)),
        (fields.Constant, True, True),
        (fields.Constant, "", ""),
        (fields.Limit, " 10 % ", "10%"),
        (fields.Limit, 1, 1.0),
    ],
)
def test_what_is_taken(kind: Any, value: object, taken: object) -> None:
    assert TypeAdapter(kind).validate_python(value) == taken


@pytest.mark.parametrize(
    ("kind", "value", "do"),
    [
        (fields.Number, True, "write a number"),
        (fields.Number, math.nan, "write a number"),
        (fields.Number, 10**400, "write a number"),
        (fields.Share, 1.1, "from 0 to 1"),
        (fields.Rows, 1.5, "a whole number"),
        (fields.Name, "a\ud800", "without lone surrogates"),
        (fields.Texts, {"q"}, "a list of at most 50"),
        (fields.Texts, ["q"] * 51, "a list of at most 50"),
        (fields.Roles, "queen", "did you mean q? There are: q, k, v"),
        (fields.Blocks, [5, 0], "the first and the last"),
        (fields.Blocks, True, "the first and the last"),
        (fields.Span, [6, 2], "the smaller first"),
        (fields.Constant, [1], "a number, a text or a flag"),
        (fields.Constant, "a\ud800", "a number, a text or a flag"),
        (fields.Limit, -1, "such as 0.5"),
    ],
)
def test_what_is_refused_and_what_to_write_instead(kind: Any, value: object, do: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    (error,) = refused.value.errors()
    assert do in error["msg"]


class Pair(Model):
    left: int = 0
    right: int | None = None


def test_a_key_without_a_value_is_absent() -> None:
    assert Pair.model_validate({"left": None, "right": None}) == Pair()
    assert mapping_of({"a": None, "b": 0}, ["a", "b"]) == {"b": 0}


@pytest.mark.parametrize(("asked", "said"), [({"up": 1}, "has no key 'up'; it takes: left, right"), (3, "3 is not a")])
def test_another_key_is_named(asked: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Pair.model_validate(asked)
