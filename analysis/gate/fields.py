"""What a policy's fields are made of: a model that names the wrong key, and types that say what to write instead."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from analysis.errors import escape
from analysis.names import ROLES

MOST_GLOBS = 50
NEAR = 0.6  # likeness of two words, 0 to 1, from which one may be the other with a slip
LONGEST = 200  # characters of a name or a glob
LARGEST_DEPTH = 100_000
LARGEST = 1e300
MOST_ROWS = 1_000_000
PERCENT = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*%\s*", re.ASCII)


def text_of(value: object) -> str:
    """A value as a message may show it."""
    return escape(repr(value))


def closest(word: object, names: Iterable[str]) -> str:
    """The name that was probably meant; empty where none is near. "alpha" is near "esd.alpha".

    >>> closest("mim", ["max", "min"])
    'min'
    """
    if not isinstance(word, str) or not 0 < len(word) <= LONGEST:
        return ""
    all_names = list(names)
    ending = next((name for name in all_names if name.endswith(f".{word}")), "")
    return ending or next(iter(get_close_matches(word, all_names, 1, NEAR)), "")


def propose(near: str, rest: str) -> str:
    """The words of an error behind the name that was probably meant; as they are where there is none.

    >>> propose("min", "it takes: min, max")
    'did you mean min? It takes: min, max'
    """
    return f"did you mean {near}? {rest[:1].upper()}{rest[1:]}" if near else rest


def refuse(do: str, *keys: str) -> PydanticCustomError:
    """The error of a value: `do` says what to write. `keys` lead to the value from where the error is raised."""
    return PydanticCustomError("refused", "{do}", {"do": do, "keys": keys})


def fault(sentence: str) -> PydanticCustomError:
    """The error of a mapping as a whole: the sentence follows the name of the place."""
    return PydanticCustomError("fault", "{sentence}", {"sentence": sentence})


def hint(do: str) -> WrapValidator:
    """Whatever is wrong with the value, the error says `do`."""

    def check(value: Any, validate: Callable[[Any], Any]) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise refuse(do) from None

    return WrapValidator(check)


class Model(BaseModel):
    """A mapping of the policy. A key without a value (YAML's empty) counts as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def keys(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, asked: object) -> object:
        if isinstance(asked, cls):
            return asked
        return mapping_of(asked, cls.keys())


def mapping_of(asked: object, keys: list[str], keep_empty: bool = False) -> dict[str, Any]:
    """The mapping without its empty keys, if not told to keep them. Raises where it has other keys than these."""
    if not isinstance(asked, Mapping):
        raise fault(f": {text_of(asked)} is not a mapping; it has keys such as {', '.join(keys[:4])}")
    for key in asked:
        if key not in keys:
            rest = propose(closest(key, keys), f"it takes: {', '.join(keys)}")
            raise fault(f" has no key {text_of(key)}; {rest}")
    return {key: value for key, value in asked.items() if keep_empty or value is not None}


def _list(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("not a list")
    return value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else _list(value)


def _as_pair(value: object) -> object:
    return [value, value] if isinstance(value, int) else _list(value)


def _as_integer(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_order(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    if pair[0] > pair[1]:
        raise ValueError("the larger one comes first")
    return pair


def _role(name: str) -> str:
    if name not in ROLES:
        raise ValueError("not a role")
    return name


WORDS_OF_ROLES = {"query": "q", "key": "k", "value": "v", "output": "o", "lm_head": "head", "embed_tokens": "embedding"}


def _known_roles(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        words = value if isinstance(value, list | tuple) else [value]
        wrong = next((word for word in words if word not in ROLES), None)
        near = WORDS_OF_ROLES.get(str(wrong).lower()) or WORDS_OF_ROLES.get(closest(wrong, WORDS_OF_ROLES))
        near = near or closest(str(wrong).removesuffix("_proj"), ROLES)
        raise refuse(propose(near, f"there are: {', '.join(ROLES)}")) from None


def _scalar(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < LARGEST) or value == "":
        return value
    if isinstance(value, str) and len(value) <= LONGEST and value.isascii() | _encodes(value):
        return value
    raise ValueError("not a number, a text or a flag")


def _encodes(text: str) -> bool:
    """Half a surrogate pair is not text: UTF-8 has no form of it."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _limit(value: object) -> object:
    """0.5 in the number's own unit, "10%" of the baseline's."""
    share = PERCENT.fullmatch(value) if isinstance(value, str) else None
    if share:
        return f"{float(share[1]):.12g}%"
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LARGEST:
        return float(value)
    raise ValueError("not a limit")


ONE_NUMBER = Annotated[float, Field(strict=True, gt=-LARGEST, lt=LARGEST)]
ONE_DEPTH = Annotated[int, Field(strict=True, ge=0, le=LARGEST_DEPTH)]
ONE_NAME = Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST)]
ONE_ROLE = Annotated[ONE_NAME, AfterValidator(_role), WithJsonSchema({"enum": list(ROLES)})]
TEXTS = f"write a text, or a list of at most {MOST_GLOBS}, each of at most {LONGEST} characters"


def _plain_number(value: Any, validate: Callable[[Any], Any]) -> Any:
    """A number; of a text that YAML did not take for one the error says how to write it."""
    try:
        return validate(value)
    except ValidationError:
        raise refuse(f"write a number{_as_number(value)}") from None


def _as_number(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    share = PERCENT.fullmatch(text)
    try:
        number = float(share[1]) / 100.0 if share else float(text) if len(text) <= LONGEST else math.nan
    except ValueError:
        return ""
    return f": {number:.12g}" if math.isfinite(number) else ""


Number = Annotated[ONE_NUMBER, WrapValidator(_plain_number)]
Share = Annotated[float, Field(strict=True, ge=0, le=1), hint("write a number from 0 to 1")]
Rows = Annotated[
    int,
    Field(strict=True, ge=1, le=MOST_ROWS),
    BeforeValidator(_as_integer),
    hint(f"write a whole number from 1 to {MOST_ROWS:,}"),
]
Name = Annotated[ONE_NAME, hint(f"write a text of at most {LONGEST} characters, without lone surrogates")]
Texts = Annotated[
    tuple[ONE_NAME, ...],
    Field(max_length=MOST_GLOBS),
    BeforeValidator(
        _as_list, json_schema_input_type=ONE_NAME | Annotated[list[ONE_NAME], Field(max_length=MOST_GLOBS)]
    ),
    hint(TEXTS),
]
Roles = Annotated[
    tuple[ONE_ROLE, ...],
    Field(max_length=MOST_GLOBS),
    BeforeValidator(
        _as_list, json_schema_input_type=ONE_ROLE | Annotated[list[ONE_ROLE], Field(max_length=MOST_GLOBS)]
    ),
    WrapValidator(_known_roles),
]
Blocks = Annotated[
    tuple[ONE_DEPTH, ONE_DEPTH],
    BeforeValidator(_as_pair, json_schema_input_type=ONE_DEPTH | tuple[ONE_DEPTH, ONE_DEPTH]),
    AfterValidator(_check_order),
    hint("write a block such as 3, or the first and the last such as [0, 5]"),
]
Span = Annotated[
    tuple[ONE_NUMBER, ONE_NUMBER],
    BeforeValidator(_list, json_schema_input_type=tuple[ONE_NUMBER, ONE_NUMBER]),
    AfterValidator(_check_order),
    hint("write two numbers, the smaller first: [2, 6]"),
]
Constant = Annotated[
    Any,
    BeforeValidator(_scalar),
    hint("write a number, a text or a flag"),
    WithJsonSchema({"type": ["number", "string", "boolean"], "maxLength": LONGEST}),
]
Limit = Annotated[
    float | str,
    BeforeValidator(_limit),
    hint('write a number such as 0.5, or a share of the baseline such as "10%"'),
    WithJsonSchema({
        "anyOf": [
            {"type": "number", "minimum": 0, "exclusiveMaximum": LARGEST},
            {"type": "string", "pattern": f"^{PERCENT.pattern}$", "examples": ["10%"]},
        ]
    }),
]  # fmt: skip
