"""Options as fields of a form, drawn from what is declared and read back. A field is called "esd.compat"."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from analysis.errors import OptionError
from analysis.option import Option

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Field:
    """An option as a form shows it."""

    name: str
    title: str
    meaning: str
    kind: str  # "choice", "flag", "number" or "text"
    value: str  # of a flag, "on" or ""
    limits: str  # in words
    choices: tuple[str, ...] = ()
    minimum: str = ""
    maximum: str = ""
    step: str = "any"
    error: str = ""


def read_options(owner: str, options: Sequence[Option], fields: Fields, errors: dict[str, str]) -> dict[str, object]:
    """The value of every option that a sent form gives; what is wrong goes into `errors`, by the name of the field."""
    found: dict[str, object] = {}
    for option in options:
        name = f"{owner}.{option.name}"
        try:
            found[option.name] = option.check(_parse_typed(option, fields.get(name, ())))
        except OptionError as error:
            errors[name] = str(error)
    return found


def _parse_typed(option: Option, sent: Sequence[str]) -> object:
    """What was typed, as the option's own kind where it reads as one."""
    if _kind(option) == "flag":
        return bool(sent)
    if not sent:
        return option.default
    text = sent[0].strip()
    if option.choices:
        return next((choice for choice in option.choices if str(choice) == text), text)
    for kind in (int, float) if _kind(option) == "number" else ():
        with suppress(ValueError):
            return kind(text)
    return text


def _kind(option: Option) -> str:
    if option.choices:
        return "choice"
    if isinstance(option.default, bool):
        return "flag"
    return "number" if isinstance(option.default, int | float) else "text"


def field_of(owner: str, option: Option, fields: Fields, errors: Mapping[str, str]) -> Field:
    """An option of `owner`, a diagnostic or a rule, with its default, or as it was sent."""
    name, kind = f"{owner}.{option.name}", _kind(option)
    value = "on" if option.default is True else "" if option.default is False else _text(option.default)
    if fields:
        value = next(iter(fields.get(name, ())), "" if kind == "flag" else value)
    return Field(
        name=name,
        title=option.name.replace("_", " "),
        meaning=option.meaning,
        kind=kind,
        value=value,
        limits=_limits(option),
        choices=tuple(map(str, option.choices)),
        minimum=_text(option.minimum),
        maximum=_text(option.maximum),
        step="1" if isinstance(option.default, int) else "any",
        error=errors.get(name, ""),
    )


def _text(number: object) -> str:
    """A number as a field holds it: 1e-06, 100, 0.5.

    >>> _text(100.0), _text(1e-6), _text(None)
    ('100', '1e-06', '')
    """
    return f"{number:.15g}" if isinstance(number, float) else "" if number is None else str(number)


def _limits(option: Option) -> str:
    if _kind(option) != "number" or (option.minimum is None and option.maximum is None):
        return ""
    return f"{_text(option.minimum)} to {_text(option.maximum)}"
