"""Buckets of requests."""

import pytest

from app.access.rate_limit import MOST_KNOWN, Rates
from app.errors import TooMany


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_worth_at_once_then_as_it_fills() -> None:
    clock = Clock()
    rates = Rates(60, clock)
    for _ in range(60):
        rates.take("ada")
    with pytest.raises(TooMany) as refused:
        rates.take("ada")
    assert refused.value.seconds == 1
    rates.take("bob")
    clock.now += 2.0
    rates.take("ada")
    rates.take("ada")
    with pytest.raises(TooMany):
        rates.take("ada")


def test_it_never_holds_more_than_a_minutes_worth() -> None:
    clock = Clock()
    rates = Rates(2, clock)
    rates.take("ada")
    clock.now += 1e6
    rates.take("ada")
    rates.take("ada")
    with pytest.raises(TooMany) as refused:
        rates.take("ada")
    assert refused.value.seconds == 30


def test_zero_is_no_limit() -> None:
    rates = Rates(0)
    for _ in range(1000):
        rates.take("ada")


def test_memory_is_bounded() -> None:
    rates = Rates(1, Clock())
    for number in range(MOST_KNOWN + 10):
        rates.take(str(number))
    assert len(rates._left) == MOST_KNOWN
