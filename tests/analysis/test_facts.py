"""Facts that people state: read, checked, and held against what files say."""

import math

import pytest

from analysis.diagnostic import Scalar
from analysis.errors import FactError
from analysis.facts import (
    FACTS,
    LONGEST,
    check_facts,
    effective,
    facts_from_fields,
    find_contradictions,
    parse_facts,
    series_steps,
)


def test_as_the_command_line_has_them() -> None:
    assert parse_facts("d=256,lr=1e-3,wd=0,steps=20000,schedule=cosine") == {
        "width": 256.0,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "step": 20000.0,
        "schedule": "cosine",
    }
    assert parse_facts("") == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "lr",
        "lr=",
        "foo=1",
        "lr=fast",
        "lr=0",
        "lr=nan",
        "steps=1.5",
        "wd=-1",
        "d=inf",
        "lr=1,lr=2",
        "lr=1,learning_rate=2",
        "d=1e300",
    ],
)
def test_what_makes_no_sense_is_refused(wrong: str) -> None:
    with pytest.raises(FactError, match=r"NAME=VALUE|must be|twice|there is no fact|above 0|0 or more") as caught:
        parse_facts(wrong)
    assert caught.value.code == "bad-fact"


def test_a_message_names_the_fact_the_value_and_what_is_taken() -> None:
    with pytest.raises(FactError, match="weight_decay must be 0 or more, not -1"):
        check_facts({"wd": -1})
    with pytest.raises(FactError, match="learning_rate must be a number, not 'fast'"):
        check_facts({"lr": "fast"})
    with pytest.raises(FactError, match="there is no fact 'color'; there are width, d, depth"):
        check_facts({"color": 1})


@pytest.mark.parametrize("value", [True, [], {}, "", " ", "x" * (LONGEST + 1), 3])
def test_words_are_bounded_text(value: object) -> None:
    with pytest.raises(FactError, match="optimizer must"):
        check_facts({"optimizer": value})


def test_words_lose_what_cannot_be_seen() -> None:
    assert check_facts({"optimizer": " Adam\0W\n"}) == {"optimizer": "AdamW"}


@pytest.mark.parametrize("value", [True, "1", None.__class__, math.nan, math.inf, -math.inf, 10**400])
def test_numbers_are_finite_numbers(value: object) -> None:
    with pytest.raises(FactError, match="width must be"):
        check_facts({"width": value})


def test_an_empty_field_takes_a_fact_back() -> None:
    assert facts_from_fields({"lr": "", "wd": " 0.1 ", "optimizer": ""}) == {
        "learning_rate": None, "weight_decay": 0.1, "optimizer": None
    }  # fmt: skip


def test_what_people_say_goes_before_what_files_say() -> None:
    found: dict[str, Scalar] = {"width": 64, "optimizer": "adamw", "step": 10}
    stated: dict[str, Scalar] = {"width": 64.0, "optimizer": "AdamW", "step": 20.0}
    assert effective(found, stated) == stated
    assert list(find_contradictions(found, stated)) == ["step"]
    assert list(find_contradictions({}, stated)) == []


def test_every_fact_says_what_it_means() -> None:
    for fact in FACTS:
        assert fact.title
        assert fact.meaning.endswith((".", "…"))


def test_nan_is_said_to_be_no_number() -> None:
    with pytest.raises(FactError, match="learning_rate must be a number, not NaN"):
        parse_facts("lr=nan")


@pytest.mark.parametrize(
    "known",
    [
        [{"step": 100}],
        [{"step": 100}, {}],
        [{"step": 100}, {"step": True}],
        [{"step": 100}, {"step": 100.0}],
        [{"step": 100, "rank": 8}, {"step": 200, "rank": 16}],
        [{"step": 100, "learning_rate": 1e-3}, {"step": 200}, {"step": 300, "learning_rate": 1e-4}],
    ],
)
def test_what_cannot_be_of_one_training_is_no_series(known: list[dict[str, Scalar]]) -> None:
    assert series_steps(known) is None


def test_steps_of_one_training_are_a_series() -> None:
    known: list[dict[str, Scalar]] = [
        {"step": 200, "optimizer": "AdamW", "learning_rate": 1e-3, "name": "b"},
        {"step": 100, "optimizer": "adamw"},
    ]
    assert series_steps(known) == (200.0, 100.0)
