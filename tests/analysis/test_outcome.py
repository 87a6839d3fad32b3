"""Outcomes: text in JSON as ever, and no two with one sign."""

import json

import pytest
from rich.color import Color

from analysis.outcome import Outcome


def test_they_are_written_as_their_text() -> None:
    assert json.dumps(list(Outcome)) == '["pass", "warn", "insufficient", "fail"]'
    assert f"{Outcome.FAIL}" == "fail"


@pytest.mark.parametrize("medium", ["symbol", "emoji"])
def test_every_sign_is_its_own(medium: str) -> None:
    assert len({getattr(outcome, medium) for outcome in Outcome}) == len(Outcome)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_terminal_knows_the_color(outcome: Outcome) -> None:
    assert Color.parse(outcome.color).name == outcome.color
