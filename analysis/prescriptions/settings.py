"""NAME=VALUE as people type it, for the options of a rule."""

import json
from collections.abc import Sequence

from analysis.errors import OptionError, escape
from analysis.prescriptions.prescription import Rule

WORDS = {"yes": True, "true": True, "no": False, "false": False}


def parse_settings(chosen: Rule, settings: Sequence[str]) -> dict[str, object]:
    """The options by name: numbers as such, yes and no where the option takes them. Raises OptionError."""
    by_name = {option.name: option for option in chosen.options}
    values: dict[str, object] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise OptionError(f"{escape(setting)} is not NAME=VALUE")
        option = by_name.get(name)
        values[name] = text if option is not None and isinstance(option.default, str) else parse_value(text)
    return values


def parse_value(text: str) -> object:
    """Yes or no, or a number as people write it, ".9" too; else what JSON makes of the text, or the text.

    >>> parse_value("Yes"), parse_value(".9"), parse_value("3"), parse_value("x")
    (True, 0.9, 3, 'x')
    """
    word = text.strip().lower()
    if word in WORDS:
        return WORDS[word]
    for read in (json.loads, float):
        try:
            value: object = read(text)
        except ValueError:
            continue
        return value
    return text
