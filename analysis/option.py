"""Options: the declared settings of a diagnostic, a prescription or a mitigation, and their checked values."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.errors import OptionError, escape

Scalar = float | int | str | bool | None
LARGEST = sys.float_info.max  # a whole number out of JSON may be larger, and then is no number that we can hold


@dataclass(frozen=True, slots=True)
class Option:
    """One named setting of a diagnostic."""

    name: str
    default: Scalar
    meaning: str
    choices: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def check(self, value: object) -> Scalar:
        """The value as this option holds it (to a count, JSON's 3.0 is 3); else OptionError naming what it takes."""
        if self.choices:
            for choice in self.choices:
                if value == choice and isinstance(value, bool) is isinstance(choice, bool):
                    return choice
            form = "one of " + ", ".join(map(repr, self.choices))
        elif isinstance(self.default, bool) or not isinstance(self.default, int | float):
            if isinstance(value, bool | str) and type(value) is type(self.default):
                return value
            form = "yes or no" if isinstance(self.default, bool) else f"a {type(self.default).__name__}"
        else:
            if isinstance(value, int | float) and self._is_within(value):
                return type(self.default)(value)
            form = " ".join(["a whole number" if isinstance(self.default, int) else "a number", *self._limits()])
        raise OptionError(f"option {self.name}: {escape(repr(value))} is not {form}")

    def _limits(self) -> list[str]:
        ends = (("from", self.minimum), ("to", self.maximum))
        return [f"{word} {end:.12g}" for word, end in ends if end is not None]

    def _is_within(self, value: float | int) -> bool:
        low = -LARGEST if self.minimum is None else self.minimum
        high = LARGEST if self.maximum is None else self.maximum
        is_whole = isinstance(self.default, float) or value == value // 1
        return not isinstance(value, bool) and low <= value <= high and is_whole


class Options(Mapping[str, Scalar]):
    """The values of a diagnostic's options by name; the accessors give each in the type that it was declared with.

    They raise TypeError where the option is of another type: 0 stays 0, and None or a text is never taken for a number.
    """

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Scalar:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Options({self._values!r})"

    def integer(self, name: str) -> int:
        """A count or another whole number."""
        value = self._values[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"option {name}: {value!r} is not a whole number")
        return value

    def number(self, name: str) -> float:
        value = self._values[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"option {name}: {value!r} is not a number")
        return float(value)

    def text(self, name: str) -> str:
        """A word, usually one of the option's choices."""
        value = self._values[name]
        if not isinstance(value, str):
            raise TypeError(f"option {name}: {value!r} is not a text")
        return value

    def flag(self, name: str) -> bool:
        value = self._values[name]
        if not isinstance(value, bool):
            raise TypeError(f"option {name}: {value!r} is neither true nor false")
        return value


def settle(owner: str, options: Sequence[Option], asked: Mapping[str, object]) -> Options:
    """The value of every option of `owner`: as asked, or its default. Raises OptionError."""
    by_name = {option.name: option for option in options}
    for name in asked:
        if name not in by_name:
            choices = ", ".join(by_name) or "none"
            raise OptionError(f"{owner} has no option {escape(name)}; it has: {choices}")
    return Options({o.name: o.check(asked[o.name]) if o.name in asked else o.default for o in options})
