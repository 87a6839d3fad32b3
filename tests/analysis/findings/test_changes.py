"""Every cause of a comparison says all that a reader needs, and has a name of its own."""

from dataclasses import astuple

from analysis.findings.causes import CAUSES
from analysis.findings.changes import CHANGES
from analysis.findings.widths import WIDTHS


def test_each_is_complete() -> None:
    for cause in CHANGES:
        assert all(text.strip() and not text.endswith(".") for text in astuple(cause))


def test_no_two_share_a_name() -> None:
    names = [cause.name for cause in (*CAUSES, *CHANGES, *WIDTHS)]
    assert len(names) == len(set(names))
