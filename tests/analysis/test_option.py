"""Options: what each takes, in its type, and what it says to the rest."""

import math

import pytest

from analysis.errors import OptionError
from analysis.option import Option, Options

NUMBER = Option("n", 1.0, "", minimum=0.0, maximum=10.0)
COUNT = Option("k", 3, "", minimum=1.0)
CHOICE = Option("c", "a", "", choices=("a", "b"))
FLAG = Option("f", False, "")
WORTH = Option("w", 1.0, "", choices=(0.5, 1.0))


@pytest.mark.parametrize(
    ("option", "value"),
    [(NUMBER, 10.0), (NUMBER, 2), (COUNT, 1), (COUNT, 4.0), (CHOICE, "b"), (FLAG, True), (WORTH, 1)],
)
def test_an_option_takes_what_it_declares_as_its_own_kind(option: Option, value: object) -> None:
    taken = option.check(value)
    assert taken == value
    assert type(taken) is type(option.default)


@pytest.mark.parametrize(
    ("option", "value"),
    [(NUMBER, 10.1), (NUMBER, math.nan), (NUMBER, "1"), (NUMBER, True), (COUNT, 0), (COUNT, 1.5), (COUNT, True),
     (COUNT, 10**400), (CHOICE, "c"), (CHOICE, None), (FLAG, 1), (FLAG, "true")],
)  # fmt: skip
def test_an_option_refuses_the_rest_by_name(option: Option, value: object) -> None:
    with pytest.raises(OptionError, match=f"option {option.name}"):
        option.check(value)


@pytest.mark.parametrize(
    ("option", "wanted"),
    [(Option("n", 5, "", minimum=0.0, maximum=100.0), "a whole number from 0 to 100"),
     (Option("x", 1.0, "", minimum=1e-6), "a number from 1e-06"), (Option("x", 1.0, ""), "a number"),
     (FLAG, "yes or no")],
)  # fmt: skip
def test_what_an_option_takes_is_said_in_words(option: Option, wanted: str) -> None:
    with pytest.raises(OptionError, match=f"'many' is not {wanted}$"):
        option.check("many")


def test_options_come_in_their_types_and_zero_stays_zero() -> None:
    options = Options({"count": 0, "share": 0.0, "word": "", "yes": False, "whole": 2})
    assert [options.integer("count"), options.number("share"), options.text("word")] == [0, 0.0, ""]
    assert options.flag("yes") is False
    assert isinstance(options.number("whole"), float)
    assert options == {"count": 0, "share": 0.0, "word": "", "yes": False, "whole": 2}
    with pytest.raises(KeyError):
        options.integer("other")


@pytest.mark.parametrize(
    ("accessor", "value"),
    [
        *(("integer", value) for value in (1.0, True, "1", None)),
        *(("number", value) for value in (False, "1", None)),
        *(("text", value) for value in (1, None)),
        *(("flag", value) for value in (0, None)),
    ],
)
def test_an_option_of_another_type_is_refused(accessor: str, value: float | str | None) -> None:
    with pytest.raises(TypeError, match=r"option k: .* is n"):
        getattr(Options({"k": value}), accessor)("k")
