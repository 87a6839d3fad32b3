"""The form that asks what to measure: drawn from the registry, read back, and wrong values told where they stand."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from analysis.diagnostic import Diagnostic, Option, Scope, groups
from analysis.diagnostics import DIAGNOSTICS
from analysis.errors import OptionError

CHOSEN = "diagnostic"  # the field of the checkboxes; an option's field is "esd.compat"
OFFERED = tuple(each for each in DIAGNOSTICS if groups(each.scope, 1))  # of one checkpoint by itself
COMPARING = tuple(d for d in DIAGNOSTICS if groups(d.scope, 3) and d.scope is not Scope.FAMILY)  # and each alone
OF_SEVERAL = tuple(sorted(COMPARING, key=lambda d: d.scope is Scope.ONE))
NOTHING = "Choose at least one diagnostic."

Fields = Mapping[str, Sequence[str]]
Asked = dict[str, dict[str, object]]


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


@dataclass(frozen=True, slots=True)
class Choice:
    """A diagnostic as a form shows it."""

    name: str
    title: str
    description: str
    checked: bool
    fields: tuple[Field, ...]

    @property
    def wrong(self) -> bool:
        return any(field.error for field in self.fields)


@dataclass(frozen=True, slots=True)
class Chooser:
    """The form: as it begins, or as it was sent with what is wrong in it."""

    choices: tuple[Choice, ...]
    error: str = ""  # what is wrong with all of it
    open: bool = False


def blank() -> Chooser:
    """The default diagnostics, with the default of every option."""
    return Chooser(tuple(_choice(each, each.default, {}, {}) for each in OFFERED))


def blank_of_several() -> Chooser:
    """The same for a comparison: whatever compares, and the others to choose from."""
    return Chooser(tuple(_choice(each, each.scope is not Scope.ONE, {}, {}) for each in OF_SEVERAL))


def read(fields: Fields, offered: Sequence[Diagnostic] = OFFERED) -> Asked | Chooser:
    """What a sent form asks for; or the form again, with what is wrong."""
    chosen = [each for each in offered if each.name in fields.get(CHOSEN, ())]
    errors: dict[str, str] = {}
    asked = {each.name: _options(each, fields, errors) for each in chosen}
    if asked and not errors:
        return asked
    choices = tuple(_choice(each, each in chosen, fields, errors) for each in offered)
    return Chooser(choices, "" if asked else NOTHING, open=True)


def chooser_as_sent(fields: Fields, offered: Sequence[Diagnostic]) -> Chooser:
    """The form as it was sent."""
    return Chooser(tuple(_choice(each, each.name in fields.get(CHOSEN, ()), fields, {}) for each in offered))


def _options(diagnostic: Diagnostic, fields: Fields, errors: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for option in diagnostic.options:
        name = f"{diagnostic.name}.{option.name}"
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


def _choice(diagnostic: Diagnostic, checked: bool, sent: Fields, errors: Mapping[str, str]) -> Choice:
    fields = tuple(_field(diagnostic, option, sent, errors) for option in diagnostic.options)
    return Choice(diagnostic.name, diagnostic.title, diagnostic.description, checked, fields)


def _field(diagnostic: Diagnostic, option: Option, fields: Fields, errors: Mapping[str, str]) -> Field:
    name, kind = f"{diagnostic.name}.{option.name}", _kind(option)
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
