"""Every cause of a family of widths says all that a reader needs."""

from dataclasses import astuple

from analysis.finding import Cause
from analysis.findings import widths


def test_the_list_holds_every_cause_once_and_complete() -> None:
    defined = [value for value in vars(widths).values() if isinstance(value, Cause)]
    assert sorted(cause.name for cause in defined) == sorted(cause.name for cause in widths.WIDTHS)
    for cause in widths.WIDTHS:
        assert all(text.strip() and not text.endswith(".") for text in astuple(cause))
