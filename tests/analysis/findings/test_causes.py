"""Every cause says all that a reader needs."""

from dataclasses import fields

from analysis.finding import Cause
from analysis.findings import causes


def test_the_list_holds_every_cause_once() -> None:
    defined = [value for value in vars(causes).values() if isinstance(value, Cause)]
    assert sorted(c.name for c in defined) == sorted(c.name for c in causes.CAUSES)
    assert len({cause.name for cause in causes.CAUSES}) == len(causes.CAUSES)


def test_nothing_is_left_empty() -> None:
    for cause in causes.CAUSES:
        assert all(getattr(cause, field.name) for field in fields(cause)), cause.name
        assert cause.page == f"docs/findings.md#{cause.name}"
